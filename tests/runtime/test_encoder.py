"""Sentence encoders: a real one, and a tiny one beside a slow reference in NumPy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tokenizers.processors import TemplateProcessing

pytest.importorskip("onnx")

from onnx import TensorProto

from foretell.errors import ArtifactError
from foretell.runtime.encoder import SentenceEncoder
from tests.encoders import DIMENSION, PLACES, TABLE, WORDS, minilm, tiny_encoder, tiny_tokenizer

TEXTS = [
    "good film",
    "bad film the dull film",
    "",
    "good",
    "unknown words",
    "the film " * 3,
    "film good",
]
LONG = "good bad film the " * 9


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tiny_encoder(tmp_path / "tiny")


def pieces_of(text: str, window: int) -> list[list[int]]:
    """Return the ids of a text's words, as many at a time as fit between [CLS] and [SEP]."""
    ids = [WORDS.index(word) if word in WORDS else 3 for word in text.split()]
    inner = window - 2
    return [ids[i : i + inner] for i in range(0, len(ids), inner)] or [[]]


def reference(
    text: str, window: int = 12, table: np.ndarray = TABLE, pooled: bool = False
) -> np.ndarray:
    """Return the embedding of a text, one piece after another."""
    total = np.zeros(DIMENSION)
    for piece in pieces_of(text, window):
        whole = [1, *piece, 2]
        hidden = np.stack([table[i] + PLACES[place] for place, i in enumerate(whole)])
        total += len(whole) * (hidden.max(axis=0) if pooled else hidden.mean(axis=0))
    return total / np.linalg.norm(total)


def ends(text: str, window: int = 12) -> np.ndarray:
    """Return the embeddings of a text's beginning and end; each token counts a quarter of its
    neighbour.
    """
    pieces = pieces_of(text, window)
    found = []
    for piece, step in ((pieces[0], 1), (pieces[-1], -1)):
        hidden = [TABLE[i] + PLACES[place] for place, i in enumerate(piece, start=1)][::step]
        if not hidden:
            hidden = [TABLE[i] + PLACES[place] for place, i in enumerate((1, 2))][::step]
        total = sum(4.0**-place * state for place, state in enumerate(hidden))
        found.append(total / np.linalg.norm(total))
    return np.concatenate(found)


def references(texts: list[str], **options: Any) -> np.ndarray:
    return np.stack([reference(text, **options) for text in texts])


@pytest.mark.parametrize(
    "graph",
    [
        {},
        {"output": "token_embeddings"},
        {"output": "sentence_embedding", "pooled": True},
        {"inputs": ("input_ids", "attention_mask", "token_type_ids")},
        {"dtype": TensorProto.INT32},
        {"output": "sentence_embedding", "pooled": True, "also": "token_embeddings"},
    ],
    ids=str,
)
def test_embeddings_are_those_of_the_reference(tmp_path: Path, graph: dict[str, Any]) -> None:
    encoder = SentenceEncoder.open(tiny_encoder(tmp_path / "tiny", **graph), threads=3)
    texts = [*TEXTS, LONG + "dull"] * 5
    encoded = encoder.encode_counted(texts)
    assert encoded.vectors.dtype == np.float32
    expected = references(texts, pooled="pooled" in graph)
    np.testing.assert_allclose(encoded.vectors, expected, rtol=1e-4, atol=1e-5)
    assert encoded.split_texts == 5
    if graph.get("output") != "sentence_embedding" or "also" in graph:
        # The beginning and the end have embeddings of their own.
        assert encoder.n_features == 3 * DIMENSION
        expected = np.stack([ends(text) for text in texts])
        np.testing.assert_allclose(encoded.ends, expected, rtol=1e-4, atol=1e-5)
        np.testing.assert_array_equal(
            encoded.features(), np.hstack([encoded.vectors, encoded.ends])
        )
        alone = np.concatenate([encoder.encode_counted([text]).ends for text in texts])
        np.testing.assert_allclose(encoded.ends, alone, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(
    ("file", "settings", "window"),
    [
        ("sentence_bert_config.json", {"max_seq_length": 15}, 15),
        ("tokenizer_config.json", {"model_max_length": 14}, 14),
        ("config.json", {"max_position_embeddings": 16}, 16),
        ("config.json", {"max_position_embeddings": 18, "model_type": "roberta"}, 16),
        ("config.json", {"max_position_embeddings": 3}, 8),
    ],
)
def test_the_window_is_the_stated_one(
    tmp_path: Path, file: str, settings: object, window: int
) -> None:
    folder = tiny_encoder(tmp_path / "tiny", window=None)
    (folder / file).write_text(json.dumps(settings))
    encoder = SentenceEncoder.open(folder)
    assert encoder.window == window
    np.testing.assert_allclose(
        encoder.encode([LONG])[0], reference(LONG, window), rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize(
    "settings", [[1], {"model_max_length": int(1e30)}, {"model_max_length": 4 * 10**8}]
)
def test_a_graph_that_refuses_the_default_window_is_one_line(
    tmp_path: Path, settings: object
) -> None:
    folder = tiny_encoder(tmp_path / "tiny", window=None)
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    with pytest.raises(
        ArtifactError, match=r"accepts 256 tokens .*, found .*; state max_seq_length [^\n]*$"
    ):
        SentenceEncoder.open(folder)


def test_a_text_of_any_length_keeps_all_of_its_tokens(folder: Path) -> None:
    # Cut at white space, so that no word is halved; a lone surrogate is one letter of an unknown
    # word.
    text = "good bad film the dull " * 3000
    encoded = SentenceEncoder.open(folder).encode_counted([text, text.replace(" ", "\ud800 ")])
    assert encoded.split_texts == 2
    np.testing.assert_allclose(encoded.vectors[0], reference(text), rtol=1e-3, atol=1e-3)


def test_what_check_raises_ends_the_encoding(folder: Path) -> None:
    turns = iter(range(2))
    encoder = SentenceEncoder.open(folder, threads=2)
    with pytest.raises(StopIteration):
        encoder.encode_counted([*TEXTS, LONG] * 20, check=lambda: next(turns))
    np.testing.assert_allclose(encoder.encode(TEXTS), references(TEXTS), rtol=1e-4, atol=1e-5)


def test_dynamic_quantisation_is_run_text_by_text(tmp_path: Path) -> None:
    import onnx

    folder = tiny_encoder(tmp_path / "tiny")
    model = onnx.load(folder / "model.onnx")
    (last,) = (node for node in model.graph.node if "last_hidden_state" in node.output)
    last.output[0] = "exact"
    # Round the hidden states to 8 bits whose range is that of the whole batch.
    model.graph.node.extend(
        [
            onnx.helper.make_node("DynamicQuantizeLinear", ["exact"], ["bytes", "scale", "zero"]),
            onnx.helper.make_node(
                "DequantizeLinear", ["bytes", "scale", "zero"], ["last_hidden_state"]
            ),
        ]
    )
    onnx.save(model, folder / "model.onnx")
    encoder = SentenceEncoder.open(folder)
    texts = ["good film", "bad film", "dull film", "the film"]
    np.testing.assert_array_equal(
        encoder.encode(texts), np.concatenate([encoder.encode([t]) for t in texts])
    )


BAD_ENCODERS: dict[str, tuple[dict[str, Any], str]] = {
    "other inputs": (
        {"inputs": ("input_ids", "attention_mask", "pixels")},
        "expected the inputs input_ids",
    ),
    "a fixed size": ({"shape": (1, 128)}, r"of any size, found input_ids \[1, 128\]"),
    "other outputs": (
        {"output": "logits"},
        "expected an output last_hidden_state, .*, found logits",
    ),
    "a pooled output of tokens": ({"output": "sentence_embedding"}, r"of the shape \[1, 12, 6\]"),
    "more ids than rows": (
        {"words": [*WORDS, "one", "more"]},
        "12 tokens with ids of up to 10, found .*; export",
    ),
    "NaN": (
        {"table": np.full_like(TABLE, np.nan)},
        "expected embeddings of finite numbers, found NaN",
    ),
}


@pytest.mark.parametrize("kind", BAD_ENCODERS)
def test_an_encoder_that_cannot_be_used_is_one_line(
    tmp_path: Path, kind: str, capfd: pytest.CaptureFixture[str]
) -> None:
    options, message = BAD_ENCODERS[kind]
    folder = tiny_encoder(tmp_path / "tiny", **options)
    with pytest.raises(ArtifactError, match=message) as raised:
        SentenceEncoder.open(folder)
    assert str(raised.value).startswith(str(folder))
    assert "\n" not in str(raised.value)
    # ONNX Runtime writes nothing of its own.
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json"])
@pytest.mark.parametrize("content", [None, b"", b"\x08\x07 damaged"])
def test_files_that_are_missing_or_damaged(
    folder: Path, name: str, content: bytes | None, capfd: pytest.CaptureFixture[str]
) -> None:
    (folder / name).unlink()
    says = rf"expected a folder with .*, found no {name}; export"
    if content is not None:
        (folder / name).write_bytes(content)
        says = rf"{name}: expected an? (sentence encoder|encoder|tokenizer) "
    with pytest.raises(ArtifactError, match=says):
        SentenceEncoder.open(folder)
    assert capfd.readouterr() == ("", "")


def test_a_real_encoder(tmp_path: Path) -> None:
    encoder = SentenceEncoder.open(minilm(tmp_path / "minilm"))
    assert (encoder.dimension, encoder.window) == (384, 256)
    texts = [
        "The film was wonderful.",
        "A great movie.",
        "The invoice has not been paid.",
        "good film " * 300,
    ]
    encoded = encoder.encode_counted(texts)
    assert encoded.split_texts == 1
    np.testing.assert_allclose(np.linalg.norm(encoded.vectors, axis=1), 1, rtol=1e-5)
    cosines = encoded.vectors @ encoded.vectors.T
    assert cosines[0, 1] > 0.5
    assert cosines[0, 2] < 0.2
    alone = np.concatenate([encoder.encode([text]) for text in texts])
    np.testing.assert_allclose(encoded.vectors, alone, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("special", "is_accepted"), [(8, True), (9, False)])
def test_the_special_tokens_of_a_piece_are_few(
    tmp_path: Path, special: int, is_accepted: bool
) -> None:
    folder = tiny_encoder(tmp_path / "encoder")
    tokenizer = tiny_tokenizer()
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] " * special + "$A", special_tokens=[("[CLS]", 1)]
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    if is_accepted:
        SentenceEncoder.open(folder)
        return
    with pytest.raises(ArtifactError, match="adds at most 8 special tokens, found 9"):
        SentenceEncoder.open(folder)
