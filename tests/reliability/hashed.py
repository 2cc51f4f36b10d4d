"""A small classifier and a small language model; stdout gets the SHA-256 of what each learned.

The arguments are a folder and how often to train both. There are enough tokens for embeddings from
a truncated SVD.
"""

from __future__ import annotations

import hashlib
import json
import random
import sys
from pathlib import Path
from typing import Any

from foretell import LanguageModel, TextClassifier
from foretell.training import cooccurrence

SMALL: dict[str, Any] = {"units": 4, "embedding_size": 8, "epochs": 1, "min_steps": 1}
FILES = ("model.safetensors", "linear.safetensors")


def main(folder: Path, times: int) -> None:
    """Train both, some times; write a JSON line of hashes for each time, and the count of SVDs."""
    made = 0
    svd = cooccurrence.truncated_svd

    def counted(*given: Any, **options: Any) -> Any:
        nonlocal made
        made += 1
        return svd(*given, **options)

    cooccurrence.truncated_svd = counted
    for number in range(times):
        made = 0
        found = {}
        for name, train in (("labels", _labels), ("words", _words)):
            out = folder / f"{name}-{number}"
            train(out)
            for path in sorted(path for path in out.iterdir() if path.name in FILES):
                found[f"{name}/{path.name}"] = hashlib.sha256(path.read_bytes()).hexdigest()
        sys.stdout.write(json.dumps({"svds": made, "hashes": found}) + "\n")


def _texts(count: int, own: str = "") -> list[str]:
    chance = random.Random(f"{count}{own}")
    return [
        " ".join([own, *(f"w{int(chance.paretovariate(0.8)) % 900}" for _ in range(60))])
        for _ in range(count)
    ]


def _labels(out: Path) -> None:
    labels = ["bad"] * 40 + ["good"] * 40
    texts = _texts(40, "awful") + _texts(40, "fine")
    model = TextClassifier(**SMALL, folds=2, batch_size=32, length=40, verbose=0)
    model.fit(texts, labels, unlabelled=_texts(300), out=out)


def _words(out: Path) -> None:
    LanguageModel.train(
        _texts(360), out=out, baseline=False, **SMALL, streams=32, window=20, kneser_ney=False
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
