"""The model card: README.md of a model directory, for whoever finds the model later."""

from __future__ import annotations

import json
import math
import shlex
from numbers import Real
from typing import Any

from foretell.artifacts import manifest
from foretell.artifacts.model import Model
from foretell.config import LabelsSettings, Settings, WordsSettings, preset, to_dict
from foretell.errors import SettingsError
from foretell.ngrams.ensemble import NETWORK_ALONE

_FIGURES = {
    "accuracy": ("Accuracy", "{:.2%}"),
    "macro_f1": ("Macro F1", "{:.4f}"),
    "perplexity": ("Perplexity, training text", "{:,.2f}"),
    "valid_perplexity": ("Perplexity, held-out text", "{:,.2f}"),
    "valid_loss": ("Loss, held out (nats)", "{:.4f}"),
    "valid_accuracy": ("Accuracy, held out", "{:.2%}"),
    "network_perplexity": ("Perplexity of the network alone", "{:,.2f}"),
    "baseline_perplexity": ("Perplexity of a Kneser-Ney model of 1–5 grams, for comparison", "{:,.2f}"),
    "network_accuracy": ("Accuracy of the network alone", "{:.2%}"),
    "linear_accuracy": ("Accuracy of its linear model alone", "{:.2%}"),
    "baseline_accuracy": ("Accuracy of a linear model of 1–3 grams, for comparison", "{:.2%}"),
    "calibration_error": ("Expected calibration error", "{:.4f}"),
    "network_calibration_error": ("Expected calibration error of the network alone", "{:.4f}"),
    "loss": ("Loss (nats)", "{:.4f}"),
    "texts": ("Texts", "{:,.0f}"),
    "unlabelled_texts": ("Texts without labels", "{:,.0f}"),
    "valid_texts": ("Texts held out", "{:,.0f}"),
    "shortest_text": ("Words of the shortest text", "{:,.0f}"),
    "longest_text": ("Words of the longest text", "{:,.0f}"),
    "words": ("Words read in training", "{:,.0f}"),
    "steps": ("Training steps", "{:,.0f}"),
    "epochs": ("Epochs", "{:,.0f}"),
    "seconds": ("Seconds of training", "{:,.1f}"),
    "words_per_second": ("Words a second", "{:,.0f}"),
    "texts_per_second": ("Texts a second", "{:,.0f}"),
}
_MOST_LABELS_SHOWN = 20

_LIMITS = {
    "words": """\
- It continues text in the manner of what it was trained on. It knows no facts; what it writes may be false.
- It may repeat passages of its training text word for word, more so if that text was short: if the text is
  private, so is this model.
- Words outside its vocabulary are all one unknown word to it.
""",
    "labels": """\
- It knows the labels above and no others: a text about something else also gets one of them.
- Its figures hold for texts like those it was trained on. Try it on your own before you rely on it.
- Words outside its vocabulary are all one unknown word to it, and of a longer text its network reads only the
  last {length:,} words.
- `foretell classify` flags texts that are empty, mostly unknown words, or far longer or shorter than any that
  training saw; with `--abstain-below` it gives no label to a text that it is unsure of.
- It repeats the leanings of whoever gave the labels. Do not let it alone decide about people.
""",
}


def model_card(model: Model, name: str, version: str) -> str:
    """Return the card as Markdown, with the YAML header that model hubs read.

    Args:
        model: the model it describes.
        name: the name of its directory.
        version: the version of foretell that writes it.
    """
    parts = [
        _header(model),
        f"# {_escaped(name)}\n\n{_what_it_is(model)}",
        f"## Use it\n\n{_use(model, name)}",
        f"## Figures\n\n{_figures(model)}",
        f"## How it was made\n\n{_how(model, version)}",
        f"## Limits\n\n{_LIMITS[model.job].format(**to_dict(model.settings))}",
        f"## Files\n\n{_parts_files(model)}{_FILES}",
    ]
    return "\n".join(parts)


_FILES = f"""\
`{manifest.WEIGHTS}` holds the weights and is the truth; `{manifest.ONNX}` is derived from it, was checked
equal and is what predictions run. `{manifest.CONFIG}`, `{manifest.TOKENIZER}` and `{manifest.METRICS}` are
plain JSON. `{manifest.MANIFEST}` holds the size and SHA-256 of each, checked before the first prediction.
Nothing in this directory can execute.
"""
_LINEAR_FILE = f"""\
`{manifest.LINEAR}` holds the linear model: n-grams of word ids and their weights.
"""
_NGRAMS_FILE = f"""\
`{manifest.NGRAMS}` holds the n-gram model: n-grams of word ids and how likely each is after its beginning.
"""


def _parts_files(model: Model) -> str:
    linear = "" if model.linear is None else _LINEAR_FILE
    return linear if model.kneser_ney is None else linear + _NGRAMS_FILE


def _header(model: Model) -> str:
    task = "text-generation" if model.job == "words" else "text-classification"
    return f"---\nlibrary_name: foretell\npipeline_tag: {task}\ntags:\n- foretell\n- lstm\n- onnx\n---\n"


def _what_it_is(model: Model) -> str:
    n_weights = sum(weight.size for weight in model.require_weights().values())
    facts = f"{n_weights:,} weights, {model.tokenizer.size:,} word ids"
    if model.job == "words":
        said = f"A language model: it tells the next word of a text. {_network(model.settings)}; {facts}.\n"
        return said + _ngrams(model)
    labels = model.labels or []
    shown = ", ".join(f"`{_code(label)}`" for label in labels[:_MOST_LABELS_SHOWN])
    more = f" and {len(labels) - _MOST_LABELS_SHOWN:,} more" if len(labels) > _MOST_LABELS_SHOWN else ""
    return (
        f"A text classifier: it gives a text one of {len(labels):,} labels, {shown}{more}. "
        f"{_network(model.settings)}; {facts}.\n{_linear(model)}"
    )


def _ngrams(model: Model) -> str:
    """Say openly that an n-gram model is a part of the language model, what it weighs and is worth."""
    kneser_ney, interpolation = model.kneser_ney, model.interpolation
    if kneser_ney is None:
        return ""
    said = f"\nA Kneser-Ney model of {len(kneser_ney):,} word 1–{kneser_ney.order} grams is a part of it. "
    if interpolation is not None:
        of_lengths = ", ".join(f"{weight:.0%}" for weight in interpolation.weights)
        said += (
            "A word's probability is the weighted mean of the network's and that model's, whose weight is "
            f"{of_lengths} where it knows a context of 0 to {kneser_ney.order - 1} words. "
        )
    return f"{said}Training with `--no-kneser-ney` leaves it out.\n"


def _linear(model: Model) -> str:
    """Say openly that a linear model is a part of the classifier, what it weighs and what it is worth."""
    if model.linear is None:
        return ""
    said = f"\nA linear model of {len(model.linear):,} word 1–{model.linear.longest} grams is a part of it. "
    if model.ensemble.linear:
        offsets = ", with an offset for each label" if model.ensemble.offsets else ""
        said += (
            "An answer is the weighted geometric mean of the probabilities that the network (weight "
            f"{model.ensemble.network:.2f}) and the linear model (weight {model.ensemble.linear:.2f}) "
            f"give{offsets}. "
        )
    parts = (
        ("with both parts", ("accuracy",)),
        ("with the network alone", ("network_accuracy",)),
        # Without unlabelled texts the baseline is the very model that is mixed in.
        ("with the linear model alone", ("linear_accuracy", "baseline_accuracy")),
    )
    worth = []
    for title, keys in parts:
        values = [model.metrics[key] for key in keys if _is_number(model.metrics.get(key))]
        worth += [f"{values[0]:.2%} {title}"] if values else []
    if len(worth) == len(parts):
        said += f"Right on the held-out texts: {', '.join(worth)}. "
    return f"{said}Training with `--no-linear` leaves the linear model out.\n"


def _network(settings: Settings) -> str:
    units = f"{settings.units:,} units"
    if isinstance(settings, WordsSettings):
        stacked = "One LSTM layer" if settings.layers == 1 else f"{settings.layers} stacked LSTM layers"
        if not settings.traits.carries_state:
            return f"{stacked} of {units} over {settings.window} words"
        return f"{stacked} of {units}, embeddings of {settings.embedding_size:,} tied to the output"
    assert isinstance(settings, LabelsSettings)
    if settings.traits.is_bidirectional:
        return f"An LSTM of {units} in each direction, pooled over max, mean and last"
    before = (
        f"A convolution of {settings.filters:,} filters, then an" if settings.traits.has_convolution else "An"
    )
    return f"{before} LSTM of {units} over {settings.length:,} words"


def _use(model: Model, name: str) -> str:
    if not name.isprintable() or "`" in name:
        name = "MODEL"
    path, python_path = shlex.quote(name), json.dumps(name, ensure_ascii=False)
    if model.job == "labels":
        shell = f'foretell classify {path} "a text"\nforetell evaluate {path} DATA.csv'
        python = 'model.predict(["a text"])\nmodel.predict_proba(["a text"])'
    else:
        shell = f'foretell next {path} "some words"\nforetell complete {path} "some words" --words 20'
        python = 'model.next("some words", k=5)\nmodel.complete("some words", words=20)'
    python = f"import foretell\n\nmodel = foretell.load({python_path})\n{python}"
    return (
        "From the directory that holds this one, after `pip install foretell` (TensorFlow is not needed):\n\n"
        f"```sh\n{shell}\n```\n\n```python\n{python}\n```\n"
    )


def _figures(model: Model) -> str:
    rows = []
    for key, (title, form) in _FIGURES.items():
        value = model.metrics.get(key)
        # Where a part was held out, this is the held-out text's too.
        if key == "perplexity" and _is_number(model.metrics.get("valid_perplexity")):
            continue
        if _is_number(value):
            rows.append(f"| {title} | {form.format(value)} |")
    if not rows:
        return f"None were recorded; see `{manifest.METRICS}`.\n"
    table = "| | |\n|---|---:|\n" + "\n".join(rows)
    return f"{table}\n\nAll of them are in `{manifest.METRICS}`, curves in `{manifest.RUN}/report.html`.\n"


def _how(model: Model, version: str) -> str:
    changed = _changes(model)
    differences = "with these settings of its own:\n\n" + changed if changed else "unchanged."
    held_out = model.metrics.get("valid_texts")
    calibrated = ""
    if (model.interpolation or model.ensemble != NETWORK_ALONE) and _is_number(held_out):
        calibrated = (
            f"Its probabilities were calibrated on {held_out:,} held-out texts.\n"
            if held_out
            else "No texts were held out to calibrate its probabilities by.\n"
        )
    return (
        f"By foretell {version}, preset `{_code(model.preset)}`, seed {model.settings.seed}, {differences}\n"
        f"{calibrated}`{manifest.CONFIG}` has every setting.\n"
    )


def _changes(model: Model) -> str:
    try:
        before = to_dict(preset(model.job, model.preset))
    except SettingsError:
        return ""
    now = to_dict(model.settings)
    rows = [
        f"- `{key}`: {_escaped(str(value))} (preset: {_escaped(str(before.get(key)))})"
        for key, value in now.items()
        if key != "seed" and value != before.get(key)
    ]
    return "".join(f"{row}\n" for row in rows)


def _is_number(value: Any) -> bool:
    # NumPy's numbers are registered with numbers.Real, its bool is not.
    return not isinstance(value, bool) and isinstance(value, Real) and math.isfinite(value)


def _escaped(text: str) -> str:
    """One line of text that Markdown shows as it is."""
    one_line = " ".join(text.split())
    return "".join(f"\\{letter}" if letter in "\\`*_[]<>|#&" else letter for letter in one_line)


def _code(text: str) -> str:
    """One line of text for between backticks."""
    return " ".join(text.split()).replace("`", "'")
