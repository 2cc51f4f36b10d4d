"""The README of an exported folder: short programs that run the model in it, which the tests
run.
"""

from __future__ import annotations

import json

from foretell.export import arpa
from foretell.export.formats import Format
from foretell.export.source import ExportSource, Kind
from foretell.installation import from_repository

_RUN: dict[Kind, str] = {
    "classifier": """\
probabilities = session.run(["probabilities"], {{"ids": np.array([ids])}})[0][0]
""",
    "stateful": """\
state = {{name: np.zeros((1, {units}), np.float32) for name in {names}}}
inputs = {{"ids": np.array([ids]), "skip": np.array([len(ids) - 1]), **state}}
logits = session.run(["logits"], inputs)[0][0, 0]
""",
    "windowed": """\
window = np.array(ids[-{window}:], np.float32).reshape(1, {window}, 1)
logits = session.run(["logits"], {{"ids": window}})[0][0]
""",
}
"""By what the model takes: the lines that run it."""

_RUN_TFIDF = """\
models = tfidf_models(load_file("tfidf.safetensors"))
scores = sum(model.scores([ids], [text]) for model in models)
inputs = {{"ids": np.array([ids]), "tfidf_scores": scores}}
probabilities = session.run(["probabilities"], inputs)[0][0]
"""
"""The same for a classifier with linear models of TF-IDF values."""

_SOFTMAX = """\
probabilities = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
"""

_RUN_KNESER_NEY = """\
kneser_ney = expanded(load_file("kneser_ney.safetensors"), len(probabilities))
counted, length = kneser_ney.distribution(np.array(ids))
weight = json.load(open("model.json", encoding="utf-8"))["interpolation"][length]
probabilities = (1 - weight) * probabilities + weight * counted
"""
"""What follows in a language model with a Kneser–Ney model."""

_PRINT_LABELS = """\
labels = json.load(open("model.json", encoding="utf-8"))["labels"]
print(json.dumps(dict(zip(labels, probabilities.tolist()))))
"""
_PRINT_WORDS = """\
best = probabilities.argsort()[::-1][:5]
print(json.dumps([[tokenizer.id_to_token(int(i)), float(probabilities[i])] for i in best]))
"""
_PROGRAM = """\
import json
import os

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # set before the import

import numpy as np
import onnxruntime
{load}from tokenizers import Tokenizer
{library}
tokenizer = Tokenizer.from_file("tokenizer.json")
onnxruntime.set_default_logger_severity(3)  # errors alone
session = onnxruntime.InferenceSession("model.onnx")
text = {text}
ids = {ids}
{run}{output}"""

_TEACHER = """\
**This is the model without its kept teacher**, a sentence encoder that no exported format holds. \
Some texts get another label than by foretell."""
_TFIDF = """\
`tfidf_scores`, float32 [text, column], is the sum of the scores of the linear models in \
`tfidf.safetensors`, which need the text itself. It may be left out; some texts then get another \
label."""
_INTERPOLATED = """ \
The probabilities of the next word are those of network and Kneser–Ney model, interpolated as \
below. The continuous cache is in JavaScript: `model.next(text, 5, { cache: 500 })`."""
_NODE = """\
After `npm install onnxruntime-web`, as `example.mjs` in this folder, with Node.js:

```js
import * as ort from "onnxruntime-web";
import {{ readFile }} from "node:fs/promises";
import {{ open }} from "./foretell.js";

const model = await open(ort, (name) => readFile(new URL(name, import.meta.url)));
console.log(JSON.stringify({answer}));
```"""
_BROWSER = """\
In a page beside these files (serve the folder by HTTP, as any static folder; `index.html` is one):

```js
import {{ openHere }} from "./runtime.js";

const model = await openHere();
console.log(JSON.stringify({answer}));
```"""
_ATTACH = """## Above a text field

One script tag and one line give a text field of any page three suggestions, with the colours and
the font of the page. Tab accepts the first, Alt and 1 to 3 or a tap any. No text leaves the page.
`remember: true` offers to keep what is written in the browser, with a button that forgets it.

```html
<textarea id="note"></textarea>
<script src="/model/attach.js"></script>
<script>foretell.attach(document.querySelector("#note"), { remember: true });</script>
```"""
_CLASSIFY = """## Beside a text field

```html
<textarea id="text"></textarea> <output id="label" for="text"></output>
<script type="module">
import { openHere } from "/model/runtime.js";

const model = await openHere();
const text = document.querySelector("#text");
text.addEventListener("input", async () => {
  document.querySelector("#label").value = (await model.classify(text.value)).label;
});
</script>
```"""
_SERVER = """## On a server

Any server of static files will do. A page with a content security policy needs these sources, and
its own script in a file. Where these files are on another origin than the page, the policy names
that origin after each `'self'`, and the files need the second line:

```http
Content-Security-Policy: script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'
Access-Control-Allow-Origin: https://www.example.org
```

The folder has {megabytes:.1f} MB, of which the ONNX Runtime in `runtime/` is the same for every
model; compress the files (gzip). `index.html` opens without a network after the first visit.
`foretell.d.ts` has the types."""


def readme(source: ExportSource, format: Format, *, int8: bool, size: int = 0) -> bytes:
    """Return README.md of an export of `size` bytes, with a program in Python and one in
    JavaScript.
    """
    if format == "arpa":
        return arpa.README.encode()
    is_web = format == "web"
    titles = {"onnx": "an ONNX model", "web": "a folder for the browser"}
    install = "pip install numpy onnxruntime tokenizers"
    if source.tfidf or source.model.kneser_ney:
        install = from_repository()
    parts = [
        f"# A foretell model for {source.model.job}, as {titles[format]}",
        _about(source, int8=int8),
        _TEACHER * source.has_teacher,
        f"## In Python\n\nAfter `{install}`, in this folder:",
        f"```python\n{_python_code(source)}```",
        _TFIDF * bool(source.tfidf),
        f"## In JavaScript\n\n{_javascript(source, format)}",
        _snippet(source) * is_web,
        _SERVER.format(megabytes=size / 1e6) * is_web,
        "`model.json` has the labels, the rules of the tokenizer, and the size and SHA-256 "
        "of each file.",
    ]
    return ("\n\n".join(filter(None, parts)) + "\n").encode(errors="replace")


def _snippet(source: ExportSource) -> str:
    """Return how a page uses the model beside a text field, if it can."""
    if source.kind == "classifier":
        return _CLASSIFY
    return _ATTACH * (source.kind == "stateful" and not source.model.tokenizer.is_open)


def example(source: ExportSource) -> str:
    """Return the text that the README's programs read."""
    if source.kind == "windowed":
        return " ".join(source.model.tokenizer.word(i) for i in range(source.window))
    return "Well worth the money." if source.kind == "classifier" else "The mind"


def _about(source: ExportSource, *, int8: bool) -> str:
    output = "the logits of the next word"
    bits = 8
    if source.kind == "classifier":
        output = "the probability of each label"
    if source.kind == "stateful":
        bits = 12
    equal = "compared with foretell's when this folder was written"
    if int8:
        equal = f"equal to foretell's apart from rounding to {bits} bits"
    text = f"`model.onnx` returns {output}, {equal}."
    return text + _INTERPOLATED * (source.model.kneser_ney is not None)


def _python_code(source: ExportSource) -> str:
    """Return the Python program. It prints, as JSON, the model's answer to `example`."""
    run = _RUN_TFIDF if source.tfidf else _RUN[source.kind]
    output = _PRINT_LABELS
    library = "tfidf import tfidf_models" * bool(source.tfidf)
    if source.kind != "classifier":
        output = _SOFTMAX + _PRINT_WORDS
    if source.model.kneser_ney is not None:
        output = _SOFTMAX + _RUN_KNESER_NEY + _PRINT_WORDS
        library = "kneser_ney import expanded"
    load = ""
    if library:
        load = "from safetensors.numpy import load_file\n"
        library = f"\nfrom foretell.ngrams.{library}\n"
    units = next(iter(source.states.values()), 0)
    return _PROGRAM.format(
        load=load,
        library=library,
        text=json.dumps(example(source), ensure_ascii=False),
        ids=_python_ids(source),
        run=run.format(names=list(source.states), units=units, window=source.window),
        output=output,
    )


def _python_ids(source: ExportSource) -> str:
    tokenizer = source.model.tokenizer
    ids = "tokenizer.encode(text).ids"
    if tokenizer.style == "keras" and source.model.settings.lowercase:
        ids = "tokenizer.encode(text.lower()).ids"
    first = tokenizer.end_of_line
    if source.kind == "classifier":
        first = tokenizer.start
    if first is not None:
        return f"[{first}, *{ids}]"
    # A text without words is one padding id.
    return ids + " or [0]" * (source.kind == "classifier")


def _javascript(source: ExportSource, format: Format) -> str:
    """Return how to run the JavaScript program, and the program, which prints what the one in
    Python does.
    """
    program = _NODE if format == "onnx" else _BROWSER
    text = json.dumps(example(source), ensure_ascii=False)
    answer = f"await model.next({text}, 5)"
    if source.kind == "classifier":
        answer = f"Object.fromEntries((await model.classify({text})).probabilities)"
    return program.format(answer=answer)
