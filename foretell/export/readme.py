"""The README of an exported folder: what is in it, and a few lines that run it.

The programs are run by the tests, so they are made here line by line, each for the one model that lies beside
them.
"""

from __future__ import annotations

import json

from foretell.export.source import Source

_NAMES = {
    "onnx": "ONNX",
    "web": "a folder for the browser",
    "keras": "a Keras model",
    "litert": "LiteRT (TensorFlow Lite)",
}
_NEEDS = {
    "onnx": "onnxruntime tokenizers",
    "web": "onnxruntime tokenizers",
    "keras": "tensorflow keras tokenizers",
    "litert": "ai-edge-litert tokenizers",
}
_FILES = {
    "model.json": "the labels, how words are made, the size and SHA-256 of each file",
    "tokenizer.json": "the tokenizer, for Hugging Face's `tokenizers` in any language",
    "model.onnx": "the model, for ONNX Runtime",
    "model.keras": "the model: Keras's own layers and operations, no code of foretell's",
    "model.tflite": "the model: LiteRT's built-in operators",
    "foretell.js": "the model in JavaScript, with `labels.js`, `words.js`, `tokens.js` and `spacing.js`",
    "index.html": "a page to try it, with `page.js` and `page.css`",
    "runtime/": "ONNX Runtime for browsers, from its npm package onnxruntime-web",
}


def readme(source: Source, format: str, files: list[str], precision: str) -> bytes:
    """Return README.md of a model in a format.

    Args:
        source: the model.
        format: "onnx", "web", "keras" or "litert".
        files: the names of the other files of the folder.
        precision: "float32" or "int8".
    """
    parts = [
        f"# A model of foretell's for {source.job}, as {_NAMES[format]}",
        _about(source, precision),
        f"## In Python\n\nAfter `pip install numpy {_NEEDS[format]}`, in this folder:",
        _fenced("python", python_code(source, format)),
        "## In JavaScript",
        javascript(source, format),
        f"## Files\n\n{_listed(files)}",
    ]
    return ("\n\n".join(parts) + "\n").encode(errors="replace")


def example(source: Source) -> str:
    """Return the text that the README's programs read."""
    if source.window is None:
        return "The mind" if source.job == "words" else "Well worth the money."
    return " ".join(source.opened.tokenizer.word(i) for i in range(source.window))


def python_code(source: Source, format: str) -> str:
    """Return the Python program: it prints, as JSON, what the model answers to `example`."""
    lines = ["import json", "", "import numpy as np", *_python_imports(format), ""]
    lines += ['tokenizer = Tokenizer.from_file("tokenizer.json")', *_python_open(format)]
    lines.append(f"ids = {_python_ids(source, format)}")
    if source.job == "labels":
        return "\n".join([*lines, *_python_labels(format)]) + "\n"
    lines += _python_words(source, format)
    return (
        "\n".join(
            [
                *lines,
                "probabilities = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()",
                "best = probabilities.argsort()[::-1][:5]",
                "print(json.dumps([[tokenizer.id_to_token(int(i)), float(probabilities[i])] for i in best]))",
            ]
        )
        + "\n"
    )


def _python_imports(format: str) -> list[str]:
    if format == "keras":
        return ["import keras", "from tokenizers import Tokenizer"]
    if format == "litert":
        return ["from ai_edge_litert.interpreter import Interpreter", "from tokenizers import Tokenizer"]
    return ["import onnxruntime", "from tokenizers import Tokenizer"]


def _python_open(format: str) -> list[str]:
    if format == "keras":
        return ['model = keras.saving.load_model("model.keras")']
    if format == "litert":
        return ['model = Interpreter("model.tflite").get_signature_runner()']
    return ['session = onnxruntime.InferenceSession("model.onnx")']


def _python_ids(source: Source, format: str) -> str:
    tokenizer = source.opened.tokenizer
    lower = ".lower()" if tokenizer.style == "keras" and source.settings.lowercase else ""
    ids = f"tokenizer.encode({json.dumps(example(source), ensure_ascii=False)}{lower}).ids"
    first = tokenizer.end_of_line if source.job == "words" else tokenizer.start
    if first is not None:
        ids = f"[{first}, *{ids}]"
    if source.job == "labels" and format == "litert":
        return f"({ids})[-{source.settings.length}:]"
    return f"{ids} or [0]" if source.job == "labels" and first is None else ids


def _python_labels(format: str) -> list[str]:
    if format == "keras":
        run = ['probabilities = model.predict({"ids": np.array([ids])}, verbose=0)[0]']
    elif format == "litert":
        run = ["length = model.get_input_details()[\"ids\"][\"shape\"][1]",
               "ids = np.array([ids + [0] * (length - len(ids))], np.int32)",
               "probabilities = model(ids=ids)[\"probabilities\"][0]"]  # fmt: skip
    else:
        run = ['probabilities = session.run(["probabilities"], {"ids": np.array([ids])})[0][0]']
    return [
        *run,
        'labels = json.load(open("model.json", encoding="utf-8"))["labels"]',
        "print(json.dumps(dict(zip(labels, probabilities.tolist()))))",
    ]


def _python_words(source: Source, format: str) -> list[str]:
    if source.window is not None:
        window = f"np.array(ids[-{source.window}:], np.float32).reshape(1, {source.window}, 1)"
        return {
            "keras": [f'logits = model.predict({{"ids": {window}}}, verbose=0)[0]'],
            "litert": [f'logits = model(ids={window})["logits"][0]'],
        }.get(format, [f'logits = session.run(["logits"], {{"ids": {window}}})[0][0]'])
    states = source.states or {}
    units = next(iter(states.values()))
    state = f"state = {{name: np.zeros((1, {units}), np.float32) for name in {list(states)}}}"
    return {
        "keras": [
            state,
            'logits = model.predict({"ids": np.array([ids]), **state}, verbose=0)["logits"][0, -1]',
        ],
        "litert": [
            state,
            "for word in ids:",
            "    answer = model(ids=np.array([[word]], np.int32), **state)",
            '    state = {name: answer[f"{name}_out"] for name in state}',
            'logits = answer["logits"][0, -1]',
        ],
    }.get(
        format,
        [
            state,
            'inputs = {"ids": np.array([ids]), "skip": np.array([len(ids) - 1]), **state}',
            'logits = session.run(["logits"], inputs)[0][0, 0]',
        ],
    )


def javascript(source: Source, format: str) -> str:
    """Return what there is to say of JavaScript, the program among it where there is one."""
    if format in ("keras", "litert"):
        return (
            "Nothing that runs this format there is checked by foretell. `foretell export --format onnx`, or "
            "`--format web`, writes the same model for JavaScript."
        )
    if format == "web":
        how = "In a page beside these files (serve the folder by HTTP, as any static folder):"
    else:
        how = "After `npm install onnxruntime-web`, as `example.mjs` in this folder, with Node.js:"
    return f"{how}\n\n{_fenced('js', javascript_code(source, format))}"


def javascript_code(source: Source, format: str) -> str:
    """Return the JavaScript program: it prints, as JSON, what the model answers to `example`."""
    text = json.dumps(example(source), ensure_ascii=False)
    if source.job == "labels":
        ask = (
            f"console.log(JSON.stringify(Object.fromEntries((await model.classify({text})).probabilities)));"
        )
    else:
        ask = f"console.log(JSON.stringify(await model.next({text}, 5)));"
    if format == "web":
        return f'import {{ openHere }} from "./runtime.js";\n\nconst model = await openHere();\n{ask}\n'
    return (
        'import * as ort from "onnxruntime-web";\n'
        'import { readFile } from "node:fs/promises";\n'
        'import { open } from "./foretell.js";\n\n'
        "const model = await open(ort, (name) => readFile(new URL(name, import.meta.url)));\n"
        f"{ask}\n"
    )


def _about(source: Source, precision: str) -> str:
    answers = "the probability of each label" if source.job == "labels" else "the logits of the next word"
    kept = "8 bits, so they are those of foretell itself but for rounding" if precision == "int8" else (
        "32 bits, and they are those of foretell itself"
    )  # fmt: skip
    alone = "\n\n**This is the network alone.** foretell's own answer mixes it with " + (
        "an n-gram model, which no exported format holds."
        if source.job == "words"
        else "a linear model of 1-3 grams, which this format does not hold. "
        "`foretell export --format onnx`, `keras` or `web` writes the whole."
    )
    text = f"Its answers are {answers}. They are made of weights in {kept}."
    return text + (alone if source.network_alone else "")


def _fenced(language: str, code: str) -> str:
    return f"```{language}\n{code}```"


def _listed(files: list[str]) -> str:
    there = [
        name
        for name in _FILES
        if name in files or any(each.startswith(name) for each in files if "/" in each)
    ]
    return "\n".join(f"- `{name}`: {_FILES[name]}" for name in ("model.json", *there) if name in _FILES)
