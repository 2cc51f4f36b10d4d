"""The README of an exported folder: its contents, and short programs that run the model in it.

The tests run these programs, so they are made here for the one model that they stand beside.
"""

from __future__ import annotations

import json

from foretell.export.check import Change
from foretell.export.formats import Format
from foretell.export.source import Kind, Precision, Source

_FILES = {
    "model.json": "labels, tokenization rules, size and SHA-256 of each file",
    "tokenizer.json": "the tokenizer, for Hugging Face's `tokenizers` in any language",
    "model.onnx": "the model, for ONNX Runtime",
    "tfidf.safetensors": "the linear models of TF-IDF values",
    "kneser_ney.safetensors": "the Kneser–Ney model",
    "foretell.js": "the model in JavaScript, with `labels.js`, `words.js`, `tokens.js`, `spacing.js`, "
    "`graph.js`, `tfidf.js`, `kneser_ney.js`, `cache.js` and `safetensors.js`",
    "index.html": "a page to try the model, with `page.js`, `suggestions.js` and `page.css`",
    "runtime/": "ONNX Runtime for browsers, from its npm package onnxruntime-web",
}

_TITLES: dict[Format, str] = {"onnx": "an ONNX model", "web": "a folder for the browser"}
_NEEDS = "numpy onnxruntime tokenizers"
_STATE = "state = {{name: np.zeros((1, {units}), np.float32) for name in {names}}}"
_RUN: dict[Kind, tuple[str, ...]] = {
    "classifier": ('probabilities = session.run(["probabilities"], {{"ids": np.array([ids])}})[0][0]',),
    "stateful": (
        _STATE,
        'inputs = {{"ids": np.array([ids]), "skip": np.array([len(ids) - 1]), **state}}',
        'logits = session.run(["logits"], inputs)[0][0, 0]',
    ),
    "windowed": (
        "window = np.array(ids[-{window}:], np.float32).reshape(1, {window}, 1)",
        'logits = session.run(["logits"], {{"ids": window}})[0][0]',
    ),
}
"""By what the model takes: the lines that run it."""

_RUN_TFIDF = (
    'models = tfidf_models(load_file("tfidf.safetensors"))',
    "scores = sum(model.scores([ids], [text]) for model in models)",
    'inputs = {{"ids": np.array([ids]), "tfidf_scores": scores}}',
    'probabilities = session.run(["probabilities"], inputs)[0][0]',
)
"""The same for a classifier with linear models of TF-IDF values."""

_RUN_KNESER_NEY = (
    'kneser_ney = expanded(load_file("kneser_ney.safetensors"), len(probabilities))',
    "counted, length = kneser_ney.distribution(np.array(ids))",
    'weight = json.load(open("model.json", encoding="utf-8"))["interpolation"][length]',
    "probabilities = (1 - weight) * probabilities + weight * counted",
)
"""What follows in a language model with a Kneser–Ney model."""

_SOFTMAX = "probabilities = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()"
_PRINT_LABELS = (
    'labels = json.load(open("model.json", encoding="utf-8"))["labels"]',
    "print(json.dumps(dict(zip(labels, probabilities.tolist()))))",
)
_PRINT_WORDS = (
    "best = probabilities.argsort()[::-1][:5]",
    "print(json.dumps([[tokenizer.id_to_token(int(i)), float(probabilities[i])] for i in best]))",
)


def readme(
    source: Source,
    format: Format,
    files: list[str],
    precision: Precision,
    without: Change | None = None,
    taught: Change | None = None,
) -> bytes:
    """Return README.md of an export.

    Args:
        source: the model.
        format: the format.
        files: the names of the other files of the folder.
        precision: of the weights.
        without: how the answers change without `tfidf_scores`; None: the copy takes none.
        taught: how the answers change without a kept teacher; None: the model keeps none.
    """
    parts = [
        f"# A foretell model for {source.model.job}, as {_TITLES[format]}",
        _about(source, precision) if taught is None else f"{_about(source, precision)}\n\n{_taught(taught)}",
        f"## In Python\n\nAfter `pip install {_needs(source)}`, in this folder:",
        _fenced("python", python_code(source)),
        "## In JavaScript",
        _javascript(source, format),
        *([] if without is None else [_tfidf_section(without)]),
        f"## Files\n\n{_listed(files)}",
    ]
    return ("\n\n".join(parts) + "\n").encode(errors="replace")


def _taught(without: Change) -> str:
    """Return the paragraph on a kept teacher, which the folder does not hold."""
    text = (
        "**This is the model without its kept teacher**, a sentence encoder that no exported format holds. "
        f"On {without.count:,} texts the largest difference of a probability is {without.largest:.2g}, and "
        f"{100 * without.changed:.1f} % of the texts get another label."
    )
    if without.loss is None:
        return f"{text} These texts are made of the model's own words: measure on your own (`--data`)."
    loss = without.loss
    return f"{text} Accuracy: {100 * loss.after:.1f} %, with the teacher {100 * loss.before:.1f} %."


def _needs(source: Source) -> str:
    return _NEEDS + (" foretell" if source.tfidf or source.model.kneser_ney else "")


def _tfidf_section(without: Change) -> str:
    return (
        "## The input `tfidf_scores`\n\n"
        "This classifier has linear models of TF-IDF values, of words and of characters within words. They "
        "need the text itself, so `model.onnx` does not hold them. It takes the sum of their "
        "scores as `tfidf_scores`, float32 [text, column], and adds it to the scores of the n-gram linear "
        "model. Two labels have one column, more labels have one each. In Python, `foretell.ngrams.tfidf` "
        "reads the models from `tfidf.safetensors` and computes the scores, as above. It needs NumPy only, "
        "no TensorFlow and no ONNX Runtime. In JavaScript, `tfidf.js` computes them.\n\n"
        "A program may leave this input out, or give zeros [1, column]. The answers are then "
        f"different. On the {without.count} texts on which this folder was compared, the largest "
        f"difference of a probability is {without.largest:.2g}, the mean difference is {without.mean:.2g}, "
        f"and {100 * without.changed:.1f} % of the texts get another label."
    )


def example(source: Source) -> str:
    """Return the text that the README's programs read."""
    if source.kind == "windowed":
        return " ".join(source.model.tokenizer.word(i) for i in range(source.window))
    return "Well worth the money." if source.kind == "classifier" else "The mind"


def python_code(source: Source) -> str:
    """Return the Python program. It prints, as JSON, the model's answer to `example`."""
    units = next(iter(source.states.values()), 0)
    run = [
        line.format(names=list(source.states), units=units, window=source.window)
        for line in (_RUN_TFIDF if source.tfidf else _RUN[source.kind])
    ]
    words = (_SOFTMAX, *(_RUN_KNESER_NEY if source.model.kneser_ney else ()), *_PRINT_WORDS)
    library = {
        "tfidf import tfidf_models": source.tfidf,
        "kneser_ney import expanded": source.model.kneser_ney,
    }
    imports = [f"from foretell.ngrams.{name}" for name, needed in library.items() if needed]
    lines = [
        "import json",
        "",
        "import numpy as np",
        "import onnxruntime",
        *(["from safetensors.numpy import load_file"] if imports else []),
        "from tokenizers import Tokenizer",
        *(["", *imports] if imports else []),
        "",
        'tokenizer = Tokenizer.from_file("tokenizer.json")',
        'session = onnxruntime.InferenceSession("model.onnx")',
        f"text = {json.dumps(example(source), ensure_ascii=False)}",
        f"ids = {_python_ids(source)}",
        *run,
        *(_PRINT_LABELS if source.kind == "classifier" else words),
    ]
    return "\n".join(lines) + "\n"


def _python_ids(source: Source) -> str:
    tokenizer = source.model.tokenizer
    lower = ".lower()" if tokenizer.style == "keras" and source.model.settings.lowercase else ""
    ids = f"tokenizer.encode(text{lower}).ids"
    if source.kind != "classifier":
        return ids if tokenizer.end_of_line is None else f"[{tokenizer.end_of_line}, *{ids}]"
    # A text without words is one padding id.
    return f"{ids} or [0]" if tokenizer.start is None else f"[{tokenizer.start}, *{ids}]"


def _javascript(source: Source, format: Format) -> str:
    """Return the section about JavaScript, with a program."""
    if format == "web":
        how = "In a page beside these files (serve the folder by HTTP, as any static folder):"
    else:
        how = "After `npm install onnxruntime-web`, as `example.mjs` in this folder, with Node.js:"
    return f"{how}\n\n{_fenced('js', javascript_code(source, format))}"


def javascript_code(source: Source, format: Format) -> str:
    """Return the JavaScript program. It prints, as JSON, the model's answer to `example`."""
    text = json.dumps(example(source), ensure_ascii=False)
    if source.kind == "classifier":
        answer = f"Object.fromEntries((await model.classify({text})).probabilities)"
    else:
        answer = f"await model.next({text}, 5)"
    show = f"console.log(JSON.stringify({answer}));"
    if format == "web":
        return f'import {{ openHere }} from "./runtime.js";\n\nconst model = await openHere();\n{show}\n'
    return (
        'import * as ort from "onnxruntime-web";\n'
        'import { readFile } from "node:fs/promises";\n'
        'import { open } from "./foretell.js";\n\n'
        "const model = await open(ort, (name) => readFile(new URL(name, import.meta.url)));\n"
        f"{show}\n"
    )


def _about(source: Source, precision: Precision) -> str:
    output = "the probability of each label" if source.kind == "classifier" else "the logits of the next word"
    bits = 12 if source.kind == "stateful" else 8
    equal = (
        f"equal to foretell's apart from rounding to {bits} bits"
        if precision == "int8"
        else "compared with foretell's when this folder was written"
    )
    text = f"It returns {output}, {equal}."
    if source.model.kneser_ney is None:
        return text
    return (
        f"{text} The probabilities of the next word are those of network and Kneser–Ney model, interpolated "
        "as below. The continuous cache is in JavaScript: `model.next(text, 5, { cache: 500 })`."
    )


def _fenced(language: str, code: str) -> str:
    return f"```{language}\n{code}```"


def _listed(files: list[str]) -> str:
    folders = {f"{name.partition('/')[0]}/" for name in files if "/" in name}
    present = {"model.json", *files, *folders}
    return "\n".join(f"- `{name}`: {description}" for name, description in _FILES.items() if name in present)
