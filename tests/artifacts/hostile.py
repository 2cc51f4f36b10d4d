"""Model directories that were made to do harm, hashes included: each is a change of a valid one."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from artifacts.hostile_graphs import Change, content, linear_models, weights

from foretell.artifacts.manifest import seal
from tests.builders import rewrite, rewrite_json, rewrite_manifest

FILES = (
    "config.json",
    "tokenizer.json",
    "model.safetensors",
    "metrics.json",
    "linear.safetensors",
)
_HUGE = 30 * 10**9
_BOMB = {"type": "Replace", "pattern": {"String": "a"}, "content": "a" * 1000}
_SLOW = {"type": "Split", "pattern": {"Regex": "(a+)+$"}, "behavior": "Removed", "invert": False}


def cases() -> dict[str, Change]:
    return {
        **_kinds_of_files(),
        **_no_objects(),
        **_configs(),
        **_tokenizers(),
        **weights(),
        **linear_models(),
        **_manifests(),
    }


# ---- Files that are no files


def _kinds_of_files() -> dict[str, Change]:
    made: dict[str, Callable[[Path], object]] = {
        "a link to /dev/zero": lambda path: path.symlink_to("/dev/zero"),
        "a link to itself": lambda path: path.symlink_to(path.name),
        "a link to nothing": lambda path: path.symlink_to("nowhere"),
        "a FIFO": lambda path: os.mkfifo(path),
        "a folder": lambda path: path.mkdir(),
        "empty": lambda path: path.write_bytes(b""),
        "thirty gigabytes of zeros": _sparse,
    }
    changes: dict[str, Change] = {
        f"{name}: {kind}": partial(_replace, name=name, make=make)
        for name in (*FILES, "manifest.json")
        for kind, make in made.items()
    }
    for name in FILES:
        changes[f"{name}: thirty gigabytes, listed"] = partial(_listed_sparse, name=name)
    return changes


def _replace(directory: Path, name: str, make: Callable[[Path], object]) -> None:
    (directory / name).unlink()
    make(directory / name)


def _sparse(path: Path) -> None:
    path.touch()
    os.truncate(path, _HUGE)


def _listed_sparse(directory: Path, name: str) -> None:
    _replace(directory, name, _sparse)
    _entry(directory, name, size=_HUGE)


def _entry(directory: Path, name: str, **values: object) -> None:
    rewrite_manifest(directory, lambda listed: listed["files"].setdefault(name, {}).update(values))


def _no_objects() -> dict[str, Change]:
    contents = {
        "a list": b"[]",
        "a text": b'"x"',
        "nested deeply": b"[" * 100_000,
        "no UTF-8": b'{"a": "\xff"}',
        "no JSON": b"\x80\x04\x95pickle",
        "a number of 5,000 digits": b'{"a": ' + b"9" * 5000 + b"}",
    }
    return {
        f"{name}: {kind}": content(name, value)
        for name in ("config.json", "tokenizer.json", "metrics.json")
        for kind, value in contents.items()
    }


# ---- Values that fit nothing


def _configs() -> dict[str, Change]:
    tops: dict[str, list[Any]] = {
        "job": ["images", None, ["labels"], "words"],
        "preset": [None, ["base"]],
        "format_version": ["2", 2.5, True, 0, None],
        "labels": [
            None,
            ["neg"],
            ["neg", "neg"],
            ["pos", "neg"],
            ["neg", 1],
            "neg",
            ["a", "b", "c"],
        ],
        "ancestors": [None, "a", ["a"], [1], {"a" * 64: 1}],
        "settings": [None, [], 1, "base", {"units": 9}, {"network": "article"}, {"color": "red"}],
        "ensemble": [
            [],
            "x",
            {},
            {"network": 1, "linear": 1},
            {"network": -1, "linear": 1, "offsets": []},
            {"network": 0, "linear": 0, "offsets": []},
            {"network": "1", "linear": 1, "offsets": []},
            {"network": 1, "linear": 1, "offsets": [0]},
            {"network": 1, "linear": 1, "offsets": [0, 1e300]},
            {"network": 10**400, "linear": 1, "offsets": []},
            {"network": 1, "linear": float("nan"), "offsets": []},
        ],
    }
    settings: dict[str, list[Any]] = {
        "units": [0, -1, 8192, 10**9, 1e400, "5", None, [5], True, 5.0],
        "embedding_size": [0, 8192, "6", None],
        "length": [0, -1, 10**9, "30"],
        "vocabulary": [0, 10**12, None, 3],
        "tokens": ["keras", "white-space", None, 1, ["words"]],
        "lowercase": [False, "no", None, 1],
        "network": ["cnn-lstm", "lstm", None, 1],
        "learning_rate": [float("nan"), "fast", None],
    }

    def change(work: Callable[[Any], object]) -> Change:
        return partial(rewrite_json, name="config.json", change=work)

    changes = {
        f"config.json: {name} = {str(value)[:60]}": change(
            lambda c, n=name, v=value: c.update({n: v})
        )
        for name, values in tops.items()
        for value in values
    }
    changes |= {
        f"config.json: setting {name} = {str(value)[:60]}": change(
            lambda config, name=name, value=value: config["settings"].update({name: value})
        )
        for name, values in settings.items()
        for value in values
    }
    return changes | {
        f"config.json: no {name}": change(lambda config, name=name: config.pop(name))
        for name in ("job", "preset", "labels", "settings", "format_version")
    }


def _tokenizers() -> dict[str, Change]:
    padding = {"strategy": {"Fixed": 400_000_000}, "direction": "Right", "pad_to_multiple_of": None}
    parts: dict[str, list[Any]] = {
        "normalizer": [
            _BOMB,
            {"type": "Sequence", "normalizers": [_BOMB] * 40},
            None,
            {"type": "Nosuch"},
            1,
        ],
        "padding": [{**padding, "pad_id": 0, "pad_type_id": 0, "pad_token": "<pad>"}],
        "truncation": [
            {"max_length": 0, "stride": 9, "strategy": "LongestFirst", "direction": "Right"}
        ],
        "pre_tokenizer": [
            _SLOW,
            None,
            {"type": "Split", "pattern": {"Regex": "("}, "behavior": "Removed"},
            [],
        ],
        "post_processor": [
            {"type": "TemplateProcessing", "single": [], "pair": [], "special_tokens": {}}
        ],
        "decoder": [{"type": "WordPiece", "prefix": "##", "cleanup": True}],
        "added_tokens": [[{"id": 10**12, "content": "x", "special": True}], [{"id": 0}], None],
        "version": ["2.0", None],
        "more": [1],
    }
    known = {"<pad>": 0, "<unk>": 1, "<eos>": 2}
    vocabularies: list[Any] = [
        {},
        None,
        known,
        {**known, "the": 3, "a": 3},
        {**known, "the": 4},
        {**known, "the": 2**32 + 3},
        {**known, "the": -1},
        {**known, "the": 3.0},
        {**known, "the": "3"},
        {**known, **{str(i): 3 + i for i in range(7)}},
        {"<unk>": 0, "<pad>": 1, "<eos>": 2, "the": 3},
    ]
    models = [
        {"type": "BPE", "vocab": {}, "merges": [], "byte_fallback": True},
        {"unk_token": "the"},
        {"unk_token": None},
        *({"vocab": each} for each in vocabularies),
    ]

    def change(work: Callable[[Any], object]) -> Change:
        return partial(rewrite_json, name="tokenizer.json", change=work)

    changes = {
        f"tokenizer.json: {name} = {str(value)[:60]}": change(
            lambda stored, name=name, value=value: stored.update({name: value})
        )
        for name, values in parts.items()
        for value in values
    }
    return changes | {
        f"tokenizer.json: model {i} {str(value)[:60]}": change(
            lambda stored, value=value: stored["model"].update(value)
        )
        for i, value in enumerate(models)
    }


# ---- Manifests


def _manifests() -> dict[str, Change]:
    good = "0" * 64
    names = (
        "../x",
        "/etc/passwd",
        "a/b",
        "manifest.json",
        "",
        ".",
        "..",
        "x" * 200,
        "a\0b",
        "C:\\x",
        "a\nb",
    )
    changes: dict[str, Change] = {
        f"manifest.json: the name {name[:20]!r}": partial(_entry, name=name, size=1, sha256=good)
        for name in names
    }
    values: list[dict[str, Any]] = [
        {"size": -1},
        {"size": 10**30},
        {"size": True},
        {"size": "5"},
        {"sha256": "A" * 64},
        {"sha256": None},
    ]
    changes |= {
        f"manifest.json: {value}": partial(_entry, name="config.json", **value) for value in values
    }
    contents: dict[str, Any] = {
        "a list": [],
        "files as a list": {"foretell": "1", "files": []},
        "files without values": {"foretell": "1", "files": dict.fromkeys(FILES)},
        "a hundred thousand files": {
            "foretell": "1",
            "files": {f"f{i}": {"size": 0, "sha256": good} for i in range(100_000)},
        },
    }
    for kind, listed in contents.items():
        sealed = json.dumps(listed).encode() if isinstance(listed, list) else seal(listed)
        changes[f"manifest.json: {kind}"] = partial(
            lambda directory, sealed: (directory / "manifest.json").write_bytes(sealed),
            sealed=sealed,
        )
    changes["manifest.json: a hundred more files"] = _with_more_files
    return changes


def _with_more_files(directory: Path) -> None:
    for i in range(100):
        (directory / f"f{i}").write_bytes(b"")
        rewrite(directory, f"f{i}", b"")
