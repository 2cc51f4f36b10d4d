"""The model card: README.md of a model directory."""

from __future__ import annotations

import json
import math
import shlex
from numbers import Real

from foretell.artifacts import manifest
from foretell.artifacts.kept_teacher import KeptTeacher
from foretell.artifacts.model import Model
from foretell.config import LabelsSettings, Settings, WordsSettings, to_dict
from foretell.errors import SettingsError
from foretell.ngrams.ensemble import NETWORK_ALONE
from foretell.ngrams.labelwise import LabelwiseEnsemble
from foretell.presets import preset

_FIGURES = {
    "accuracy": ("Accuracy", "{:.2%}"),
    "micro_f1": ("Micro F1", "{:.4f}"),
    "macro_f1": ("Macro F1", "{:.4f}"),
    "hamming_loss": ("Hamming loss", "{:.4f}"),
    "perplexity": ("Perplexity, training text", "{:,.2f}"),
    "valid_perplexity": ("Perplexity, validation text", "{:,.2f}"),
    "valid_loss": ("Validation loss (nats)", "{:.4f}"),
    "valid_accuracy": ("Validation accuracy", "{:.2%}"),
    "bits_per_byte": ("Bits per byte", "{:.3f}"),
    "network_perplexity": ("Perplexity of the network alone", "{:,.2f}"),
    "baseline_perplexity": ("Perplexity of a Kneser–Ney model of 1–5 grams, for comparison", "{:,.2f}"),
    "network_accuracy": ("Accuracy of the network alone", "{:.2%}"),
    "linear_accuracy": ("Accuracy of the linear model alone", "{:.2%}"),
    "baseline_accuracy": ("Accuracy of a linear model of 1–3 grams, for comparison", "{:.2%}"),
    "calibration_error": ("Expected calibration error", "{:.4f}"),
    "network_calibration_error": ("Expected calibration error of the network alone", "{:.4f}"),
    "loss": ("Loss (nats)", "{:.4f}"),
    "texts": ("Texts", "{:,.0f}"),
    "unlabelled_texts": ("Texts without labels", "{:,.0f}"),
    "valid_texts": ("Validation texts", "{:,.0f}"),
    "shortest_text": ("Words of the shortest text", "{:,.0f}"),
    "longest_text": ("Words of the longest text", "{:,.0f}"),
    "words": ("Words read in training", "{:,.0f}"),
    "tokens": ("Tokens read in training", "{:,.0f}"),
    "steps": ("Training steps", "{:,.0f}"),
    "epochs": ("Epochs", "{:,.0f}"),
    "seconds": ("Seconds of training", "{:,.1f}"),
    "words_per_second": ("Words per second", "{:,.0f}"),
    "tokens_per_second": ("Tokens per second", "{:,.0f}"),
    "texts_per_second": ("Texts per second", "{:,.0f}"),
}
_MAX_LABELS_SHOWN = 20

_LIMITS = {
    "words": """\
- It continues text in the style of its training text. The content may be false.
- It may repeat passages of its training text word for word, especially of a short text. If the training text
  is private, keep the model private.
- {unknown}
""",
    "labels": """\
- Every text gets one of the labels above, whatever it is about.
- Its figures hold for texts similar to its training texts. Evaluate it on your own texts before you use it.
- {unknown}
- Its network reads only the last {length:,} {unit} of a text.
- `foretell classify` flags texts that are empty, mostly unknown words, or far longer or shorter than the
  training texts; with `--abstain-below` it gives no label below a probability.
- It reproduces the bias of its training labels. Do not make decisions about people by it alone.
""",
}


_SEVERAL = (
    "- Every text gets one of the labels above, whatever it is about.\n",
    "- A text gets each label whose probability is at least the label's threshold, and may get none.\n",
)


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
        f"## Usage\n\n{_use(model, name)}",
        f"## Figures\n\n{_figures(model)}",
        f"## Training\n\n{_how(model, version)}",
        f"## Limits\n\n{_limits(model)}",
        f"## Files\n\n{_parts_files(model)}{_FILES}",
    ]
    return "\n".join(parts)


_FILES = f"""\
`{manifest.WEIGHTS}` has the weights of the network. `{manifest.ONNX}` is derived from them, was compared with
a reference, and is used for prediction. `{manifest.CONFIG}`, `{manifest.TOKENIZER}` and `{manifest.METRICS}`
are JSON. `{manifest.MANIFEST}` has the size and SHA-256 of each file, which are checked before the first
prediction. No file in this directory can execute code.
"""
_LINEAR_FILE = f"""\
`{manifest.LINEAR}` has the n-gram linear model: keys of n-grams and their weights.
"""
_KNESER_NEY_FILE = f"""\
`{manifest.KNESER_NEY}` has the Kneser–Ney model: keys of n-grams and their probabilities.
"""


def _unit(settings: Settings) -> str:
    """Return what the model reads one of at a step; a token of an open vocabulary is not a word."""
    return "token" if settings.has_open_vocabulary else "word"


def _limits(model: Model) -> str:
    unknown = "All words outside its vocabulary are one unknown word."
    if model.settings.has_open_vocabulary:
        unknown = (
            "No word is unknown to it. It has learned nothing of characters that its training text lacks."
        )
    unit = f"{_unit(model.settings)}s"
    if isinstance(model.settings, LabelsSettings) and model.settings.is_multi_label:
        return (
            _LIMITS["labels"].replace(*_SEVERAL).format(unknown=unknown, unit=unit, **to_dict(model.settings))
        )
    return _LIMITS[model.job].format(unknown=unknown, unit=unit, **to_dict(model.settings))


def _parts_files(model: Model) -> str:
    linear = "" if model.linear is None else _LINEAR_FILE
    return linear if model.kneser_ney is None else linear + _KNESER_NEY_FILE


def _header(model: Model) -> str:
    task = "text-generation" if model.job == "words" else "text-classification"
    return f"---\nlibrary_name: foretell\npipeline_tag: {task}\ntags:\n- foretell\n- lstm\n- onnx\n---\n"


def _what_it_is(model: Model) -> str:
    n_weights = sum(weight.size for weight in model.require_weights().values())
    unit = _unit(model.settings)
    facts = f"{n_weights:,} weights, {model.tokenizer.size:,} {unit} ids"
    if model.job == "words":
        text = (
            f"A language model: it predicts the next {unit} of a text. {_network(model.settings)}; {facts}.\n"
        )
        return text + _kneser_ney(model)
    labels = model.labels or []
    shown = ", ".join(f"`{_code(label)}`" for label in labels[:_MAX_LABELS_SHOWN])
    more = f" and {len(labels) - _MAX_LABELS_SHOWN:,} more" if len(labels) > _MAX_LABELS_SHOWN else ""
    return (
        f"A text classifier: it gives a text {_how_many(model.settings)} {len(labels):,} labels, "
        f"{shown}{more}. {_network(model.settings)}; {facts}.\n{_linear(model)}"
    )


def _how_many(settings: Settings) -> str:
    several = isinstance(settings, LabelsSettings) and settings.is_multi_label
    return "none, one or several of" if several else "one of"


def _kneser_ney(model: Model) -> str:
    """Return the paragraph on the Kneser–Ney model and its weights."""
    kneser_ney, interpolation = model.kneser_ney, model.interpolation
    if kneser_ney is None:
        return ""
    unit = _unit(model.settings)
    n_grams = f"{len(kneser_ney):,} n-grams of 1 to {kneser_ney.order} {unit}s"
    text = f"\nA Kneser–Ney model ({n_grams}) is a part of it. "
    if interpolation is not None:
        of_lengths = ", ".join(f"{weight:.0%}" for weight in interpolation.weights)
        text += (
            f"A {unit}'s probability is the weighted mean of the network's and the Kneser–Ney model's. The "
            f"latter's weight is {of_lengths} for contexts of 0 to {kneser_ney.order - 1} counted {unit}s. "
        )
    return f"{text}Training with `--no-kneser-ney` leaves it out.\n"


def _linear(model: Model) -> str:
    """Return the paragraph on the linear model, its weight and its accuracy."""
    if model.linear is None:
        return ""
    n_grams = f"{len(model.linear):,} n-grams of 1 to {model.linear.longest} {_unit(model.settings)}s"
    text = f"\nAn n-gram linear model ({n_grams}) is a part of it. "
    if model.tfidf:
        sizes = " and ".join(f"{len(each):,} features" for each in model.tfidf)
        text += f"The scores of TF-IDF linear models ({sizes}) are added to its scores. "
    if isinstance(model.ensemble, LabelwiseEnsemble):
        text += (
            "For each label the log-odds of network and linear model are added, with weights of the label. "
        )
    elif model.ensemble.linear:
        offsets = ", with an offset for each label" if model.ensemble.offsets else ""
        text += (
            f"The probabilities are the weighted geometric mean of the network's (weight "
            f"{model.ensemble.network:.2f}) and the linear model's (weight {model.ensemble.linear:.2f})"
            f"{offsets}. "
        )
    parts = (
        ("of the ensemble", ("accuracy",)),
        ("of the network alone", ("network_accuracy",)),
        # Without unlabelled texts the baseline is the model of the ensemble.
        ("of the linear model alone", ("linear_accuracy", "baseline_accuracy")),
    )
    accuracies = []
    for title, keys in parts:
        values = [model.metrics[key] for key in keys if _is_number(model.metrics.get(key))]
        accuracies += [f"{values[0]:.2%} {title}"] if values else []
    if len(accuracies) == len(parts):
        where = (
            "out of fold" if "fold" in str(model.metrics.get("measured_on")) else "on the validation texts"
        )
        text += f"Accuracy {where}: {', '.join(accuracies)}. "
    if isinstance(rule := model.metrics.get("decided_by"), str):
        text += f"Decided by: {rule}. "
    return (
        f"{text}Training with `--no-linear` leaves the linear model out.\n{_vectors(model)}{_teacher(model)}"
    )


def _vectors(model: Model) -> str:
    """Return the paragraph on the word vectors that the linear models were trained with."""
    vectors = model.metrics.get("vectors")
    if not isinstance(vectors, dict):
        return ""
    known, words, more = (vectors.get(key) for key in ("known_words", "words", "more_words"))
    licence = vectors.get("licence") or "not known"
    return (
        f"\nIts linear models were trained with the word vectors {_escaped(str(vectors.get('name')))} "
        f"(licence: {_escaped(str(licence))}; SHA-256 `{_code(str(vectors.get('sha256')))}`). "
        f"{known:,} of {words:,} words of the texts have one. {more:,} words that only the vectors have are "
        "in the vocabulary too. The vectors are not stored: each word has one weight for each label.\n"
    )


def _teacher(model: Model) -> str:
    """Return the paragraph on the sentence encoder that labelled unlabelled texts."""
    teacher = model.metrics.get("teacher")
    if not isinstance(teacher, dict):
        return ""
    if model.teacher is not None:
        return _kept_teacher(model.teacher, str(teacher.get("name")), str(teacher.get("sha256")))
    return (
        f"\nIn training the sentence encoder {_escaped(str(teacher.get('name')))} "
        f"(SHA-256 of its files `{_code(str(teacher.get('sha256')))}`) helped to label "
        f"{teacher.get('texts'):,} texts without labels. The model does not contain it.\n"
    )


def _kept_teacher(kept: KeptTeacher, name: str, sha256: str) -> str:
    """Return the paragraph on the sentence encoder that is a part of the model."""
    files = kept.files
    licence = (
        f"Its licence is in `{manifest.TEACHER_LICENCE}`."
        if files.licence is not None
        else "No licence lay beside it: check what its publisher allows before you pass this model on."
    )
    return (
        f"\nThe sentence encoder {_escaped(name)} (SHA-256 of its files `{_code(sha256)}`) is a part of the "
        f"model: `{manifest.TEACHER_GRAPH}` and `{manifest.TEACHER_TOKENIZER}`, "
        f"{len(files.graph) / 1e6:,.1f} MB. It reads each text, and the scores of logistic "
        f"regression on its embeddings ({len(kept.weights):,} numbers) are added to those of the linear "
        f"models. It reads {files.window:,} "
        f"tokens at once; longer texts are split. {licence}\n"
    )


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
    return f"{before} LSTM of {units} over {settings.length:,} {_unit(settings)}s"


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
        # With a validation text, this is the same figure.
        if key == "perplexity" and _is_number(model.metrics.get("valid_perplexity")):
            continue
        if model.tokenizer.is_open:
            title = title.replace("Perplexity", "Perplexity per token").replace("Words of", "Tokens of")
        if _is_number(value):
            rows.append(f"| {title} | {form.format(value)} |")
    if isinstance(reason := model.metrics.get("not_measured"), str):
        return f"No accuracy: {reason}.\n"
    if not rows:
        return f"None were recorded; see `{manifest.METRICS}`.\n"
    table = "| | |\n|---|---:|\n" + "\n".join(rows)
    return f"{table}\n\nAll of them are in `{manifest.METRICS}`, curves in `{manifest.RUN}/report.html`.\n"


def _how(model: Model, version: str) -> str:
    changed = _changes(model)
    differences = "with these settings of its own:\n\n" + changed if changed else "unchanged."
    valid_texts = model.metrics.get("valid_texts")
    calibrated = ""
    if (model.interpolation or model.ensemble != NETWORK_ALONE) and _is_number(valid_texts):
        calibrated = (
            f"Its probabilities are calibrated on {valid_texts:,} validation texts.\n"
            if valid_texts
            else "Its probabilities are not calibrated: there were no validation texts.\n"
        )
    return (
        f"By foretell {version}, preset `{_code(model.preset)}`, seed {model.settings.seed}, {differences}\n"
        f"{calibrated}{_ancestors(model)}`{manifest.CONFIG}` has every setting.\n"
    )


def _ancestors(model: Model) -> str:
    """Return the paragraph on the models whose training this one continues."""
    if not model.ancestors:
        return ""
    continued = model.metrics.get("continued")
    remembered = continued.get("measured_on") if isinstance(continued, dict) else None
    lines = "".join(f"{place}. `{sha256}`\n" for place, sha256 in enumerate(model.ancestors, 1))
    on_old = f"\nOn old data: {_escaped(str(remembered))}.\n" if remembered else ""
    return (
        "\nIt continues the training of another model. Its ancestors, by the SHA-256 of their "
        f"`{manifest.MANIFEST}`, the last one first:\n\n{lines}{on_old}\n"
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


def _is_number(value: object) -> bool:
    # NumPy's numbers are registered with numbers.Real, its bool is not.
    return not isinstance(value, bool) and isinstance(value, Real) and math.isfinite(value)


def _escaped(text: str) -> str:
    """Return one line of text with Markdown's characters escaped."""
    one_line = " ".join(text.split())
    return "".join(f"\\{letter}" if letter in "\\`*_[]<>|#&" else letter for letter in one_line)


def _code(text: str) -> str:
    """Return one line of text to put between backticks."""
    return " ".join(text.split()).replace("`", "'")
