"""The language model on the Penn Treebank: `--minutes 60`, test perplexity with and without its n-gram model.

Mikolov's split and words (10,000, the rest is <unk>), as in the literature: each sentence ends with <eos>,
and the text is one stream, so a model reads on over their ends. Training watches the validation part;
the test part is read once for each row.
"""

from __future__ import annotations

import argparse
import dataclasses
import io
import zipfile
from pathlib import Path

from bench.commands import environment, foretell
from bench.record import OUT, Results


def main() -> None:
    """Train once, and show what the network and both parts give."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    data = environment().get("FORETELL_DATA")
    if data is None or not (Path(data) / "ptb.zip").is_file():
        raise SystemExit("needs ptb.zip: set FORETELL_DATA to the folder that holds it")
    folder: Path = OUT / "penn_treebank"
    folder.mkdir(parents=True, exist_ok=True)
    parts = {part: _written(Path(data) / "ptb.zip", part, folder) for part in ("train", "valid", "test")}
    model = folder / "model"
    done = foretell(
        "train", "words", parts["train"], "--valid", parts["valid"], "--tokens", "white-space",
        "--vocabulary", "10000", "--minutes", str(options.minutes), "--seed", str(options.seed),
        "--out", model, "--restart",
    )  # fmt: skip
    columns = ["what", "validation perplexity", "test perplexity", "seconds, all of the training"]
    results = Results("penn_treebank", columns)
    from foretell.artifacts.directory import open_verified
    from foretell.runtime.words.predictor import WordsRuntime

    opened = open_verified(model)
    alone = WordsRuntime(dataclasses.replace(opened, interpolation=None))
    for what, runtime in (("the network alone", alone), ("both", WordsRuntime(opened))):
        valid, test = (_perplexity(runtime, parts[part]) for part in ("valid", "test"))
        results.add(what, f"{valid:.2f}", f"{test:.2f}", f"{done.seconds:.0f}", metrics=opened.metrics)


def _written(archive: Path, part: str, folder: Path) -> Path:
    """Write a part with a word for the end of each sentence, and return its path."""
    with zipfile.ZipFile(archive) as file:
        name = next(n for n in file.namelist() if n.endswith(f"ptb.{part}.txt") and "__MACOSX" not in n)
        lines = [line.split() for line in io.TextIOWrapper(file.open(name), encoding="utf-8")]
    path = folder / f"{part}.txt"
    path.write_text("\n".join(" ".join([*line, "<eos>"]) for line in lines), encoding="utf-8")
    return path


def _perplexity(runtime: object, path: Path) -> float:
    found: float = runtime.score(path.read_text(encoding="utf-8").split("\n")).perplexity  # type: ignore[attr-defined]
    return found


if __name__ == "__main__":
    main()
