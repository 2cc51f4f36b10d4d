"""The model card: README.md of a model directory."""

from __future__ import annotations

import json
import re
import shlex

from foretell.artifacts import manifest
from foretell.artifacts.model import Model
from foretell.config import FILTERS, LabelsSettings, Settings, WordsSettings
from foretell.installation import from_repository
from foretell.metrics.shown import NAMES, is_of_unseen_texts, number, rows_of
from foretell.ngrams.ensemble import NETWORK_ALONE
from foretell.readable import listed, visible

_MAX_LABELS_SHOWN = 20

_LIMITS_OF_WORDS = """\
- It continues text in the style of its training text. The content may be false.
- It may repeat passages of its training text word for word, especially of a short text. If the training text
  is private, keep the model private.
"""
_LIMITS_OF_LABELS = """\
- {labels}
- Its metrics hold for texts similar to its training texts. Evaluate it on your own texts before you use it.
- Its network reads only the last {length:,} {unit}s of a text.
- `foretell classify` flags texts that are empty, mostly unknown words, or far longer or shorter than the
  training texts; with `--abstain-below` it gives no label below a probability.
- It reproduces the bias of its training labels. Do not make decisions about people by it alone.
"""
_FILES = f"""\
`{manifest.WEIGHTS}` has the weights of the network. Where the model has these parts, `{manifest.LINEAR}` has
the n-gram linear model, `{manifest.TFIDF}` linear models of TF-IDF values, `{manifest.KNESER_NEY}` the
Kneser–Ney model, `{manifest.TEACHER_GRAPH}` the kept teacher. `{manifest.CONFIG}`, `{manifest.TOKENIZER}` and
`{manifest.METRICS}` are JSON. `{manifest.MANIFEST}` has the size and SHA-256 of each file, which are checked
before the first prediction. No file in this directory can execute code.
"""


def model_card(model: Model, name: str, version: str) -> str:
    """Return the card as Markdown, with the YAML header that model hubs read; `name` is the
    directory's.
    """
    task = "text-generation" if model.job == "words" else "text-classification"
    parts = [
        f"---\nlibrary_name: foretell\npipeline_tag: {task}\ntags:\n- foretell\n- lstm\n- "
        f"onnx\n---\n",
        f"# {_escaped(name)}\n\n{_what_it_is(model)}",
        f"## Usage\n\n{_usage(model, name)}",
        f"## Metrics\n\n{_metrics(model)}",
        f"## Training\n\n{_training(model, version)}",
        f"## Limits\n\n{_limits(model)}",
        f"## Files\n\n{_FILES}",
    ]
    # Labels and names may hold control sequences of terminals.
    return visible("\n".join(parts))


def _unit(settings: Settings) -> str:
    """Return what the model reads one of at a step; a token of an open vocabulary is not a word."""
    return "token" if settings.has_open_vocabulary else "word"


def _what_it_is(model: Model) -> str:
    n_weights = sum(weight.size for weight in model.weights.values())
    unit = _unit(model.settings)
    facts = (
        f"{_network(model.settings)}; {n_weights:,} weights, {model.tokenizer.size:,} {unit} ids.\n"
    )
    if model.job == "words":
        return (
            f"A language model: it predicts the next {unit} of a text. "
            f"{facts}{_kneser_ney(model, unit)}"
        )
    labels = model.labels
    shown = listed((f"`{_code(label)}`" for label in labels), _MAX_LABELS_SHOWN)
    several = isinstance(model.settings, LabelsSettings) and model.settings.multi_label
    how_many = "none, one or several of" if several else "one of"
    what = f"A text classifier: it gives a text {how_many} {len(labels):,} labels, {shown}. {facts}"
    if model.linear is None:
        return what
    return what + _linear(model, unit) + _vectors(model) + _teacher(model)


def _network(settings: Settings) -> str:
    units = f"{settings.units:,} units"
    if isinstance(settings, WordsSettings):
        layers = "One LSTM layer"
        if settings.layers > 1:
            layers = f"{settings.layers} stacked LSTM layers"
        if settings.follows_article:
            return f"{layers} of {units} over {settings.window} words"
        width = settings.embedding_size
        return f"{layers} of {units}, embeddings of {width:,} tied to the output"
    if settings.is_bidirectional:
        return f"An LSTM of {units} in each direction, pooled over max, mean and last"
    before = "An"
    if settings.network == "cnn-lstm":
        before = f"A convolution of {FILTERS:,} filters, then an"
    return f"{before} LSTM of {units} over {settings.length:,} {_unit(settings)}s"


def _kneser_ney(model: Model, unit: str) -> str:
    kneser_ney = model.kneser_ney
    if kneser_ney is None:
        return ""
    return (
        f"\nA Kneser–Ney model ({len(kneser_ney):,} n-grams of 1 to {kneser_ney.order} "
        f"{unit}s) is a part of "
        f"it. A {unit}'s probability is the weighted mean of the network's and the Kneser–Ney "
        f"model's. "
        f"`{manifest.CONFIG}` has the weights.\n"
    )


def _linear(model: Model, unit: str) -> str:
    assert model.linear is not None
    n_grams = f"{len(model.linear):,} n-grams of 1 to {model.linear.longest} {unit}s"
    text = f"\nAn n-gram linear model ({n_grams}) is a part of it."
    if model.tfidf:
        sizes = " and ".join(f"{len(tfidf):,} features" for tfidf in model.tfidf)
        text += f" The scores of TF-IDF linear models ({sizes}) are added to its scores."
    return f"{text} `{manifest.CONFIG}` has the weight of each in the ensemble.\n"


def _vectors(model: Model) -> str:
    """Return the paragraph on the word vectors that the linear models were trained with."""
    vectors = model.metrics.get("vectors")
    if not isinstance(vectors, dict):
        return ""
    licence = vectors.get("licence") or "not known"
    return (
        f"\nIts linear models were trained with the word vectors "
        f"{_escaped(str(vectors.get('name')))} "
        f"(licence: {_escaped(str(licence))}; SHA-256 `{_code(str(vectors.get('sha256')))}`). "
        f"{vectors.get('known_words'):,} of {vectors.get('words'):,} words of the texts have one. "
        "The vectors are not stored as they are: weights of the linear models are made of "
        "them, and the "
        "embeddings of the network were initialised with them.\n"
    )


def _teacher(model: Model) -> str:
    """Return the paragraph on the teacher, which may be a part of the model."""
    teacher = model.metrics.get("teacher")
    kept = model.teacher
    if not isinstance(teacher, dict):
        return ""
    name = _escaped(str(teacher.get("name")))
    sha256 = str(teacher.get("sha256", ""))
    if not sha256:
        return (
            f"\nIn training a teacher, {name}, answered {teacher.get('texts'):,} texts "
            f"without labels.\n"
        )
    encoder = f"entence encoder {name} (SHA-256 of its files `{_code(sha256)}`)"
    if kept is None:
        return (
            f"\nIn training the s{encoder} helped to label {teacher.get('texts'):,} texts "
            f"without labels. "
            "The model does not contain it.\n"
        )
    licence = f"Its licence is in `{manifest.TEACHER_LICENCE}`."
    if kept.files.licence is None:
        licence = (
            "No licence lay beside it: check what its publisher allows before you pass this model "
            "on."
        )
    return (
        f"\nThe s{encoder} is a part of the model: `{manifest.TEACHER_GRAPH}` and "
        f"`{manifest.TEACHER_TOKENIZER}`, {len(kept.files.graph) / 1e6:,.1f} MB. It reads "
        f"{kept.files.window:,} tokens at once. The scores of logistic regression on its "
        f"embeddings "
        f"({len(kept.weights):,} numbers) are added to those of the linear models. {licence}\n"
    )


def _usage(model: Model, name: str) -> str:
    name = name if name.isprintable() and "`" not in name else "MODEL"
    path = shlex.quote(name)
    python_path = json.dumps(name, ensure_ascii=False)
    shell = f'foretell classify {path} "a text"\nforetell evaluate {path} DATA.csv'
    python = 'model.predict(["a text"])\nmodel.predict_proba(["a text"])'
    if model.job == "words":
        shell = (
            f'foretell next {path} "some words"\nforetell complete {path} "some words" --words 20'
        )
        python = 'model.next("some words", k=5)\nmodel.complete("some words", words=20)'
    return (
        f"From the directory that holds this one, after `{from_repository()}` (TensorFlow is not "
        "needed):\n\n"
        f"```sh\n{shell}\n```\n\n```python\nimport foretell\n\n"
        f"model = foretell.load({python_path})\n{python}\n```\n"
    )


def _metrics(model: Model) -> str:
    metrics = model.metrics
    if isinstance(reason := metrics.get("not_measured"), str):
        return f"No accuracy: {reason}.\n"
    shown = {
        name: metrics[name]
        for name in NAMES
        if isinstance(metrics.get(name), str) or number(metrics.get(name)) is not None
    }
    if "valid_perplexity" in shown:
        # The perplexity is that of the validation text.
        shown.pop("perplexity", None)
    rows = rows_of(shown)
    if not rows:
        return f"None were recorded; see `{manifest.METRICS}`.\n"
    table = "".join(f"| {name} | {_escaped(value)} |\n" for name, value in rows)
    return (
        f"| | |\n|---|---:|\n{table}\nAll of them are in `{manifest.METRICS}`, curves in "
        f"`{manifest.RUN}/report.html`.\n"
    )


def _training(model: Model, version: str) -> str:
    where = model.metrics.get("measured_on")
    calibrated = ""
    if model.interpolation or model.ensemble != NETWORK_ALONE:
        calibrated = (
            "Its probabilities are not calibrated: there were too few texts to measure on.\n"
        )
        if where and is_of_unseen_texts(model.metrics):
            calibrated = f"Its probabilities are calibrated on {_escaped(str(where))}.\n"
    return (
        f"By foretell {version}, preset `{_code(model.preset)}`, seed {model.settings.seed}.\n"
        f"{calibrated}{_ancestors(model)}`{manifest.CONFIG}` has every setting.\n"
    )


def _ancestors(model: Model) -> str:
    """Return the paragraph on the models whose training this one continues."""
    if not model.ancestors:
        return ""
    lines = "".join(f"{place}. `{sha256}`\n" for place, sha256 in enumerate(model.ancestors, 1))
    on_old = ""
    match model.metrics.get("continued"):
        case {"measured_on": str(remembered)} if remembered:
            on_old = f"\nOn old data: {_escaped(remembered)}.\n"
    return (
        "\nIt continues the training of another model. Its ancestors, by the SHA-256 of their "
        f"`{manifest.MANIFEST}`, the last one first:\n\n{lines}{on_old}\n"
    )


def _limits(model: Model) -> str:
    settings = model.settings
    limits = _LIMITS_OF_WORDS
    unknown = "All words outside its vocabulary are one unknown word."
    if settings.has_open_vocabulary:
        unknown = (
            "No word is unknown to it. It has learned nothing of characters that no "
            "training text has."
        )
    if isinstance(settings, LabelsSettings):
        labels = "Every text gets one of the labels above, whatever it is about."
        if settings.multi_label:
            labels = (
                "A text gets each label whose probability is at least its threshold, "
                "and may get none."
            )
        limits = _LIMITS_OF_LABELS.format(
            labels=labels, length=settings.length, unit=_unit(settings)
        )
    return f"{limits}- {unknown}\n"


def _escaped(text: str) -> str:
    """Return one line of text with Markdown's characters escaped."""
    return re.sub(r"([\\`*_\[\]<>|#&])", r"\\\1", " ".join(text.split()))


def _code(text: str) -> str:
    """Return one line of text to put between backticks."""
    return " ".join(text.split()).replace("`", "'")
