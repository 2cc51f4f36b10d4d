"""Every verb of `foretell`: its one line of help, its examples, and where its code is.

The code of a verb is imported only when it runs: `foretell --help` loads none of it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from cyclopts import App, Group

from foretell.cli.options import from_environment, from_toml

LEARN = Group("Learn", sort_key=1)
PREDICT = Group("Predict", sort_key=2)
LOOK = Group("Look", sort_key=3)


class Verb(NamedTuple):
    """One verb.

    Attributes:
        code: "module:function" under foretell.cli.
        help: one line for the list of verbs, and the first of its own help.
        more: what else there is to know.
        examples: shell commands that work as they stand; a test runs each.
    """

    code: str
    help: str
    more: str
    examples: tuple[str, ...]
    group: Group | None = None


_ORDER = (
    "An option comes from its flag, else from FORETELL_ and its name (FORETELL_UNITS=64), else from the TOML "
    "file of --config (units = 64), else from the preset."
)
_CTRL_C = "Ctrl-C saves a checkpoint and prints the command that resumes."
_FILES = "An argument that names a file is read, - is standard input, anything else is a text itself."

TRAIN: dict[str, Verb] = {
    "words": Verb(
        "train:train_words",
        "Train a language model: the next word, a continuation, how likely a text is.",
        f"{_ORDER} {_CTRL_C}",
        (
            "foretell train words notes.txt --out notes-model",
            "foretell train words meditations --out meditations-model --units 64 --seed 7",
            "gzip -dc notes.txt.gz | foretell train words - --out notes-model --json",
        ),
    ),
    "labels": Verb(
        "train:train_labels",
        "Train a text classifier from texts with labels.",
        "DATA is a .csv, .tsv, .jsonl, .parquet or fastText file (or .gz of one), or a folder with a folder "
        f"per label. {_ORDER} {_CTRL_C}",
        (
            "foretell train labels reviews.csv --out reviews-model",
            "foretell train labels tickets.csv --text body --label team --out tickets-model",
            "foretell train labels reviews.csv --out reviews-model --config settings.toml --epochs 2",
            "foretell train labels reviews.csv --unlabelled notes.txt --minutes 1 --out reviews-model",
        ),
    ),
}

VERBS: dict[str, Verb] = {
    "demo": Verb(
        "demo:demo",
        "Do both jobs on text that ships with foretell, in under two minutes.",
        "",
        ("foretell demo --out demo-models",),
        LEARN,
    ),
    "evaluate": Verb(
        "evaluate:evaluate",
        "Measure a model on data it has not seen: accuracy, F1, confusion, calibration, or perplexity.",
        "DATA is what train takes; imdb means its test part.",
        (
            "foretell evaluate reviews-model reviews.csv",
            "foretell evaluate notes-model notes.txt --json",
        ),
        PREDICT,
    ),
    "next": Verb(
        "words:next_words",
        "The next words, with their probabilities.",
        "",
        (
            'foretell next notes-model "What stands in the"',
            'foretell next notes-model "the" -k 3 --format jsonl',
            'foretell next notes-model "the obsta" --unfinished',
        ),
        PREDICT,
    ),
    "complete": Verb(
        "words:complete",
        "Continue a text, word by word.",
        "",
        (
            'foretell complete notes-model "The mind" --words 20',
            'foretell complete notes-model "The mind" --temperature 0.7 --top-p 0.9 --seed 1',
            'foretell complete notes-model "The mind" --words 5 --beams 4',
            'foretell complete notes-model "The mind" -n 3 --stop . --seed 1 --format jsonl',
            'foretell complete notes-model "the obsta" --unfinished',
        ),
        PREDICT,
    ),
    "score": Verb(
        "words:score",
        "How likely a text is: log-probability, perplexity, unknown words, bits per character.",
        "FILE is a text file of any size, .gz of one, or - for standard input.",
        (
            "foretell score notes-model notes.txt",
            "echo 'the mind' | foretell score notes-model - --format jsonl",
        ),
        PREDICT,
    ),
    "classify": Verb(
        "labels:classify",
        "The label of each text, with its probability: one answer per record, always.",
        _FILES,
        (
            'foretell classify reviews-model "Well worth the money."',
            "foretell classify reviews-model reviews.csv --format csv --abstain-below 0.8",
            "cat notes.txt | foretell classify reviews-model - --format jsonl",
        ),
        PREDICT,
    ),
    "serve": Verb(
        "serve:serve",
        "Serve models over HTTP: OpenAI's completions, labels, explanations, and a page to try them on.",
        "It listens on this machine only, unless --host and --token-file say otherwise. "
        "Ctrl-C answers what was accepted, and ends.",
        (
            "foretell serve reviews-model notes-model",
            "foretell serve sentiment=reviews-model --port 9000",
        ),
        PREDICT,
    ),
    "export": Verb(
        "export:export",
        "Write a model as a folder that runs without foretell: ONNX, Keras, LiteRT, or in the browser.",
        "The folder holds the tokens, the labels and a README with code for Python and JavaScript.",
        (
            "foretell export reviews-model",
            "foretell export reviews-model --format onnx --int8 --data reviews.csv --max-loss 0.02",
            "foretell export notes-model --format keras --out notes-keras",
        ),
        PREDICT,
    ),
    "explain": Verb(
        "explain:explain",
        "What each word did to the label of a text.",
        "The effect of a word is the change of the label's log-odds when it is taken out of the text.",
        (
            'foretell explain reviews-model "Cold soup, rude waiter, lovely wine."',
            'foretell explain reviews-model "Well worth the money." --html explanation.html',
            "cat notes.txt | foretell explain reviews-model - --json",
        ),
        PREDICT,
    ),
    "info": Verb(
        "info:info",
        "What is in a model directory, or with --presets every preset.",
        "",
        ("foretell info reviews-model", "foretell info --presets"),
        LOOK,
    ),
    "doctor": Verb(
        "doctor:doctor",
        "What is installed, what is missing and how to get it.",
        "",
        ("foretell doctor",),
        LOOK,
    ),
}


def epilogue(verb: Verb) -> str:
    """Return what stands below the options of a verb's help: notes, then examples."""
    lines = [verb.more, ""] if verb.more else []
    return "\n".join([*lines, "Examples:", *(f"  {example}" for example in verb.examples)])


def _version() -> str:
    from importlib.metadata import version

    return version("foretell")


def _add(parent: App, name: str, verb: Verb) -> None:
    group: dict[str, Any] = {} if verb.group is None else {"group": verb.group}
    parent.command(
        f"foretell.cli.{verb.code}",
        name=name,
        help=verb.help,
        help_epilogue=epilogue(verb),
        sort_key=None,
        **group,
    )


app = App(
    name="foretell",
    help="Train LSTM models of text on your own words, on your own machine; predict in under a millisecond.",
    help_format="plaintext",
    help_epilogue="Start with: foretell demo. Each verb has its own --help, with examples; --debug shows "
    "where an error comes from.",
    version=_version,
    config=(from_environment, from_toml),
)
_train = App(
    name="train",
    help="Train a model: words from plain text, labels from texts with labels.",
    help_epilogue="\n".join(["Examples:", *(f"  {verb.examples[0]}" for verb in TRAIN.values())]),
    group=LEARN,
)
app.command(_train)
for _name, _verb in TRAIN.items():
    _add(_train, _name, _verb)
for _name, _verb in VERBS.items():
    _add(app, _name, _verb)
app.register_install_completion_command(help="Install completion for the shell that you are in.", group=LOOK)
