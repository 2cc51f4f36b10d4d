"""The tokenizer in JavaScript gives the same ids as the one in Python, on a thousand difficult texts."""

from __future__ import annotations

import json
import subprocess
from importlib.resources import as_file, files
from pathlib import Path

import pytest
from nasty import nasty_texts

from foretell.export.token_rules import lowercases, token_rules
from foretell.text.spacing import Spacing
from foretell.text.styles import OPEN, Style
from foretell.text.tokenizer import Tokenizer

SCRIPT = """
import { readFileSync } from "node:fs";
const [folder, path] = process.argv.slice(2);
const { Tokens } = await import(`${folder}/tokens.js`);
const { Spacing } = await import(`${folder}/spacing.js`);
const { vocabulary, rules, texts } = JSON.parse(readFileSync(path, "utf8"));
const tokens = new Tokens(vocabulary, rules);
const ids = texts.map((text) => tokens.encode(text));
const joined = ids.map((row) => {
  const spacing = new Spacing(rules);
  return row.map((id) => spacing.piece(id === -1 ? "<unk>" : tokens.word(id))).join("");
});
process.stdout.write(JSON.stringify({ ids, joined }));
"""


def in_javascript(node: str, folder: Path, tokenizer: Tokenizer, texts: list[str]) -> dict[str, list[object]]:
    given = {
        "vocabulary": json.loads(tokenizer.to_json()), "rules": token_rules(tokenizer), "texts": texts,
    }  # fmt: skip
    (folder / "given.json").write_text(json.dumps(given))
    (folder / "run.mjs").write_text(SCRIPT)
    with as_file(files("foretell.export") / "web") as scripts:
        # Node.js treats a .js file as a module only if package.json says so.
        for name in ("tokens", "spacing"):
            (folder / f"{name}.js").write_bytes((scripts / f"{name}.js").read_bytes())
    (folder / "package.json").write_text('{"type": "module"}')
    done = subprocess.run(
        [node, "run.mjs", str(folder), "given.json"], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    output: dict[str, list[object]] = json.loads(done.stdout)
    return output


@pytest.mark.parametrize("lowercase", [True, False])
@pytest.mark.parametrize("style", ["words", "keras", "white-space", "subword", "char"])
def test_the_same_ids_for_nasty_texts(node: str, tmp_path: Path, style: Style, lowercase: bool) -> None:
    texts = nasty_texts()
    assert len(texts) == 1000
    # Words that occur only in the first texts are unknown. Equal ids are equal words. Of an open vocabulary
    # with few tokens some characters are spelled in bytes.
    vocabulary = 800 if style in OPEN else 100_000
    tokenizer = Tokenizer.train(texts[100:], style, lowercase=lowercase, vocabulary=vocabulary)
    assert lowercases(tokenizer) == lowercase
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
        "".join(f"x{chr(code)}x " for code in range(start, start + 4096)) for start in range(0, 0x20000, 4096)
    ]
    tokenizer = Tokenizer.train(texts, "words", lowercase=True, vocabulary=2_000_000)
    assert in_javascript(node, tmp_path, tokenizer, texts)["ids"] == tokenizer.encode_batch(texts)
