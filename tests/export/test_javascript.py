"""Tokens and TF-IDF scores in JavaScript are those in Python; the rules that JavaScript reads."""

from __future__ import annotations

import json
import shutil
import subprocess
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from export_workplace import random_tfidf_models
from nasty import nasty_texts
from safetensors.numpy import save

from foretell.export.source import token_rules
from foretell.ngrams.tfidf import tfidf_arrays
from foretell.text.spacing import Spacing
from foretell.text.styles import OPEN
from foretell.text.tokenizer import Style, Tokenizer

SCRIPT = """
import { readFileSync } from "node:fs";
import { Spacing } from "./spacing.js";
import { Tokens } from "./tokens.js";
const { vocabulary, rules, texts } = JSON.parse(readFileSync("given.json", "utf8"));
const tokens = new Tokens(vocabulary, rules);
const ids = texts.map((text) => tokens.encode(text));
const joined = ids.map((row) => {
  const spacing = new Spacing(rules);
  return row.map((id) => spacing.piece(id === -1 ? "<unk>" : tokens.word(id))).join("");
});
process.stdout.write(JSON.stringify({ ids, joined }));
"""


def in_javascript(
    node: str, folder: Path, tokenizer: Tokenizer, texts: list[str]
) -> dict[str, list[object]]:
    given = {
        "vocabulary": json.loads(tokenizer.to_json()),
        "rules": token_rules(tokenizer),
        "texts": texts,
    }
    return run(node, folder, SCRIPT, given)


def run(node: str, folder: Path, script: str, given: object) -> Any:
    """Run a script beside the modules of an export; return what it makes of given.json."""
    for part in ("export/web", "service/page"):
        with as_file(files("foretell").joinpath(part)) as scripts:
            for module in scripts.glob("*.js"):
                shutil.copy(module, folder)
    (folder / "given.json").write_text(json.dumps(given))
    # Node.js treats a .js file as a module only if package.json says so.
    (folder / "package.json").write_text('{"type": "module"}')
    (folder / "run.mjs").write_text(script)
    done = subprocess.run(
        [node, "run.mjs"], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("lowercase", [True, False])
@pytest.mark.parametrize("style", ["words", "keras", "white-space", "subword", "char"])
def test_the_same_ids_for_nasty_texts(
    node: str, tmp_path: Path, style: Style, lowercase: bool
) -> None:
    texts = nasty_texts()
    assert len(texts) == 1000
    # Words that occur only in the first texts are unknown. Equal ids are equal words. Of an open
    # vocabulary with few tokens some characters are spelled in bytes.
    vocabulary = 800 if style in OPEN else 100_000
    tokenizer = Tokenizer.train(texts[100:], style, lowercase=lowercase, vocabulary=vocabulary)
    assert token_rules(tokenizer)["lowercase"] == lowercase
    output = in_javascript(node, tmp_path, tokenizer, texts)
    expected = [tokenizer.encode(text) for text in texts]
    wrong = [
        (text, theirs, ours)
        for text, theirs, ours in zip(texts, output["ids"], expected, strict=True)
        if theirs != ours
    ]
    assert not wrong, wrong[:3]
    for ids, joined in zip(expected, output["joined"], strict=True):
        spacing = Spacing(style)
        assert joined == "".join(spacing.piece(tokenizer.word(i)) for i in ids)
    assert tokenizer.size > 1000
    if style in OPEN:
        assert any(id >= tokenizer.bytes.start for ids in expected for id in ids)


def test_both_agree_on_every_letter_of_unicode(node: str, tmp_path: Path) -> None:
    # Each character between two letters: one word if it is a letter, three words if not.
    texts = [
        "".join(f"x{chr(code)}x " for code in range(start, start + 4096))
        for start in range(0, 0x20000, 4096)
    ]
    tokenizer = Tokenizer.train(texts, "words", lowercase=True, vocabulary=2_000_000)
    assert in_javascript(node, tmp_path, tokenizer, texts)["ids"] == tokenizer.encode_batch(texts)


SCORES = """
import { readFileSync } from "node:fs";
import { Tfidf } from "./tfidf.js";
const tfidf = new Tfidf(readFileSync("tfidf.safetensors"));
const given = JSON.parse(readFileSync("given.json", "utf8"));
process.stdout.write(JSON.stringify(given.map(({ ids, text }) => Array.from(tfidf.scores(ids, text)))));
"""


def test_the_same_scores_for_nasty_texts(node: str, tmp_path: Path) -> None:
    texts = [
        *nasty_texts(),
        "  ",
        "ΑΣ ΣΑΣ\x85ΣΑ\u2003x\ufeffy",
        "👩‍👩‍👧‍👦👍🏽 👍🏽",
        "good film " * 50,
    ]
    # Words and characters that occur only in the first texts are unknown.
    tokenizer = Tokenizer.train(texts[100:], "words", lowercase=True, vocabulary=100_000)
    models = random_tfidf_models(tokenizer, texts[100:], 3)
    ids = tokenizer.encode_batch(texts)
    (tmp_path / "tfidf.safetensors").write_bytes(save(tfidf_arrays(models)))
    given = [{"ids": each, "text": text} for each, text in zip(ids, texts, strict=True)]
    found = np.array(run(node, tmp_path, SCORES, given))
    expected = np.sum([model.scores(ids, texts) for model in models], axis=0)
    assert found.shape == expected.shape == (len(texts), 3)
    assert np.ptp(expected) > 1
    differences = np.abs(found - expected).max(axis=1)
    assert differences.max() < 1e-5, [texts[i] for i in differences.argsort()[-3:]]
