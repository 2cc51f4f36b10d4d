"""Every command of `foretell`: its help, its examples, and the function that runs it.

The module of a command is imported only when the command runs: `foretell --help` loads none of
them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from cyclopts import App, Group, Parameter

import foretell
from foretell.cli.options import (
    RARE,
    check_other_files,
    check_whole,
    expand_home,
    from_environment,
    from_toml,
)
from foretell.readable import plain

if TYPE_CHECKING:
    from cyclopts.help import HelpEntry, HelpPanel
    from rich.console import Console, ConsoleOptions
    from rich.text import Text

TRAIN = Group("Train", sort_key=1)
LABELS = Group("Predict with a model for labels", sort_key=2)
WORDS = Group("Predict with a model for words", sort_key=3)
USE = Group("Use any model", sort_key=4)
LOOK = Group("Look up", sort_key=5)


class Command:
    """One command.

    Args:
        help: paragraphs. The first is one sentence, verb first, for the list of commands too.
        examples: shell commands that work as they are, one a line; a test runs each.
        arguments: the required options and the arguments, as the usage line shows them: [TEXT...]
            is an argument that may be left out and may be given several times.
        group: of the list of commands.
    """

    def __init__(
        self, help: str, examples: str, *, arguments: str = "MODEL", group: Group = TRAIN
    ) -> None:
        self.help, *self.more = (" ".join(text.split()) for text in help.strip().split("\n\n"))
        self.examples = [line.strip() for line in examples.strip().splitlines()]
        self.arguments = arguments
        self.group = group


_ORDER = """
An option has its value from its flag (--units 64), else from an environment variable
(FORETELL_UNITS=64), else from the file of --config (units = 64), else from the preset.

Ctrl-C saves a checkpoint and prints the command that resumes the training.

The metrics and the path of the report go to stderr. With --format jsonl or csv, the metrics also go
to stdout.
"""

_TEXTS = """
TEXT is a text, a file or a folder: an argument that names an existing file or folder is read, one
text for each record (a row of a table, a line of plain text, a file of a folder). - is standard
input. --literal takes every argument as a text.
"""

_ONE_TEXT = """
TEXT is a text or a file: an argument that names an existing file is read, whole. - is standard
input. --literal takes the argument as a text.
"""

_ON_CLUSTER = """
With --cluster, files, folders, globs and bucket paths (s3://bucket/folder) of any size are read by
several workers. It needs the extra cluster: foretell doctor shows how to install it.
"""

COMMANDS: dict[str, Command] = {
    "train words": Command(
        f"""
        Train a language model on plain text.

        It predicts the next word, continues texts, and measures how probable a text is.

        {_ORDER}
        """,
        """
        foretell train words notes.txt --out notes-model
        gzip -dc notes.txt.gz | foretell train words - --out notes-model --json
        """,
        arguments="--out DIR TEXT...",
    ),
    "train labels": Command(
        f"""
        Train a text classifier on texts with labels.

        It predicts the label of a text, with a calibrated probability.

        {_ORDER}
        """,
        """
        foretell train labels reviews.csv --out reviews-model
        foretell train labels tickets.csv --text body --label team --out tickets-model
        foretell train labels reviews.csv --out reviews-model --config settings.toml
        foretell train labels reviews.csv --unlabelled notes.txt --out reviews-model
        """,
        arguments="--out DIR [DATA...]",
    ),
    "data": Command(
        """
        Show what is in labelled texts, and what is wrong with them.

        Labels, lengths, duplicates, equal texts with different labels, texts that a validation or
        test set shares with DATA, and with --check-labels likely label errors. DATA never changes.

        jsonl is one object with everything; csv is one row for each text that something was found
        about. To correct labels, write the csv, put yes into its column accept where you agree, and
        give it to --accept.
        """,
        """
        foretell data reviews.csv
        foretell data tickets.csv --text body --label team --html survey.html --json
        foretell data reviews.csv --check-labels --accept-above 0.9 --out clean.csv
        """,
        arguments="DATA...",
    ),
    "label": Command(
        """
        Label texts that have no labels, the most informative first.

        A model learns from each answer and chooses the next text. At least one text in five is
        drawn at random and never trained on; all metrics are measured on these.

        Each line of the input is a key (1 for the first label), the name of a label, another answer
        (skip, none: no label applies, unclear) or a command (undo, metrics, help, quit). The page
        of --page also searches texts and labels several at once.
        """,
        r"""
        foretell label reviews.csv --labels good,bad --out answers.jsonl
        foretell label reviews.csv --labels good,bad --out answers.jsonl --page
        printf '1\nskip\n' | foretell label notes.txt --labels good,bad --out a.jsonl
        """,
        arguments="--out FILE TEXTS",
    ),
    "demo": Command(
        """
        Train a small model for each job on the sample texts, and predict with it.

        Takes less than two minutes on two processor cores.
        """,
        """
        foretell demo --out demo-models
        """,
        arguments="",
    ),
    "classify": Command(
        f"""
        Predict the label of each text, with its probability.

        There is one answer for each text, in the order of the texts, and each is written as soon as
        it is known. In jsonl and csv an answer keeps the other columns of its record; where a
        column has the name of a part of the answer (label, probability, …), the part is called
        foretell_label and so on.

        {_TEXTS}

        {_ON_CLUSTER}
        """,
        """
        foretell classify reviews-model "Well worth the money."
        foretell classify reviews-model reviews.csv --format csv --abstain-below 0.8
        cat notes.txt | foretell classify reviews-model - --format jsonl
        """,
        arguments="MODEL [TEXT...]",
        group=LABELS,
    ),
    "explain": Command(
        f"""
        Show the effect of each word on the predicted label.

        The effect of a word (leave-one-out) is the change of the label's log-odds when the word is
        left out of the text, in nats.

        {_TEXTS}

        jsonl is one object for each text, csv one row for each word, in the order of the text.
        """,
        """
        foretell explain reviews-model "Cold soup, rude waiter, lovely wine."
        foretell explain reviews-model "Well worth the money." --html explanation.html
        """,
        arguments="MODEL [TEXT...]",
        group=LABELS,
    ),
    "next": Command(
        f"""
        List the most probable next words of a text.

        {_ONE_TEXT}
        """,
        """
        foretell next notes-model "What stands in the"
        foretell next notes-model "the obsta" --unfinished
        """,
        arguments="MODEL TEXT",
        group=WORDS,
    ),
    "complete": Command(
        f"""
        Continue a text, word by word.

        {_ONE_TEXT}

        jsonl is one object for each continuation, csv one row for each of its words.
        """,
        """
        foretell complete notes-model "The mind" --temperature 0.7 --top-p 0.9
        foretell complete notes-model "The mind" -n 3 --stop . --seed 1 --format jsonl
        """,
        arguments="MODEL TEXT",
        group=WORDS,
    ),
    "score": Command(
        f"""
        Measure how probable a text is: perplexity, bits per character, unknown words.

        {_ONE_TEXT}

        {_ON_CLUSTER} Each row is then a text of its own.
        """,
        """
        foretell score notes-model notes.txt
        echo 'the mind' | foretell score notes-model - --format jsonl
        """,
        arguments="MODEL TEXT",
        group=WORDS,
    ),
    "evaluate": Command(
        f"""
        Measure a model on test data: accuracy, F1, confusion and calibration, or perplexity.

        A model for labels takes DATA as train labels does, a model for words plain text as train
        words does. Of imdb, and of a folder with train and test, it reads the test part.

        Accuracy, precision, recall and F1 of a model for labels have a 95 % confidence interval, by
        the bootstrap over texts. jsonl is one object with every metric; csv is one row for each
        label, or with --by one row for each value of the column.

        {_ON_CLUSTER}
        """,
        """
        foretell evaluate reviews-model reviews.csv
        foretell evaluate reviews-model reviews.csv --by label --cost fp=5,fn=1
        foretell evaluate notes-model notes.txt --json
        """,
        arguments="MODEL DATA",
        group=USE,
    ),
    "compare": Command(
        """
        Compare two models for labels on the same test data.

        It shows the accuracy and macro F1 of both, the difference with a 95 % confidence interval
        (paired bootstrap), McNemar's exact test, and the texts that get different labels.
        """,
        """
        foretell compare reviews-model reviews-model reviews.csv --show 3
        """,
        arguments="A B DATA",
        group=LABELS,
    ),
    "serve": Command(
        """
        Serve models over HTTP: labels, explanations, completions (OpenAI's protocol), and a web
        page.

        It listens on this machine only; for other addresses give --host and --token-file. Ctrl-C
        answers the requests that were accepted, then stops.
        """,
        """
        foretell serve reviews-model notes-model
        foretell serve sentiment=reviews-model --port 9000
        """,
        arguments="[MODEL...]",
        group=USE,
    ),
    "export": Command(
        """
        Write a model for other programs: ONNX, or the browser.

        The exported folder holds the model, its tokenizer and labels, and a README with code for
        Python and JavaScript. The exported model is compared with the original on 200 texts before
        the folder gets its name.
        """,
        """
        foretell export reviews-model
        foretell export reviews-model --int8 --data reviews.csv --max-loss 0.02
        """,
        group=USE,
    ),
    "push": Command(
        """
        Push a model to the Hugging Face Hub.

        Every command then takes hf://owner/name, or hf://owner/name@REVISION, as a model. Pushed
        are the files that a prediction needs, the metrics and the model card, no training text. It
        needs the extra hub, which foretell doctor shows how to install, and a token (hf auth login,
        or HF_TOKEN).
        """,
        """
        foretell push reviews-model ada/reviews --public --yes
        """,
        arguments="MODEL OWNER/NAME",
        group=USE,
    ),
    "info": Command(
        """
        Show a model directory or the presets.
        """,
        """
        foretell info reviews-model
        foretell info --presets --format jsonl
        """,
        arguments="[MODEL]",
        group=LOOK,
    ),
    "doctor": Command(
        """
        Show what the machine has, what is not installed and how to install it.

        The exit code is 1 where a package that predictions need is missing or too old.
        """,
        """
        foretell doctor
        """,
        arguments="",
        group=LOOK,
    ),
}
"""Every command by its words, as they follow `foretell`."""


class HelpFormatter:
    """cyclopts' own help, without the groups of less common options unless `--help-all` asks for
    them.
    """

    def __init__(self, *, all_options: bool) -> None:
        self._all_options = all_options

    def __call__(self, console: Console, options: ConsoleOptions, panel: HelpPanel) -> None:
        from cyclopts.help import DefaultFormatter

        if self._all_options or not str(panel.title).endswith(RARE):
            DefaultFormatter()(console, options, panel.copy(entries=help_entries(panel)))

    def render_usage(self, console: Console, _: ConsoleOptions, usage: Text) -> None:
        """Print the usage line."""
        console.print(f"Usage: {str(usage).strip()}\n", markup=False, highlight=False)


_METAVARS: dict[str | None, str] = {"INT": "N", "FLOAT": "N", "STR": "TEXT", "PATH": "FILE"}
"""What help calls the value of an option that does not name it."""


def help_entries(panel: HelpPanel) -> list[HelpEntry]:
    """Return what a panel of help lists, but --help, with each description on one line."""
    return [
        entry.copy(
            description=_one_line(entry.description),
            metavar=_METAVARS.get(entry.metavar, entry.metavar),
        )
        for entry in panel.entries
        if "--help" not in entry.positive_names
    ]


def _one_line(description: object) -> str:
    # cyclopts wraps each text into an object that holds a rich Text.
    text = getattr(description, "primary_renderable", description)
    return " ".join(str(getattr(text, "plain", text or "")).split())


def _default(value: object) -> str | None:
    """Return the default of an option as help shows it; None: it needs no mention."""
    if value is False or value in (None, (), ""):
        return None
    return plain(value)


_ABOUT = (
    "Train LSTM models on your own text, on your own machine, and predict with them.\n\nThere are "
    "two jobs. words: a language model, trained on plain text. labels: a text classifier, trained "
    "on texts with labels."
)
_START = (
    "Start with: foretell demo. Every command has --help, with examples. --debug shows the "
    "traceback of an error."
)


_WORDS = {
    "Display application version.": "Show the version.",
    "Display this message and exit.": "Show this help.",
}
"""What cyclopts says of its own flags, in the words of the other options."""


class _CommandLine(App):
    """The app, with other words for cyclopts's own flags in the scripts for shells."""

    def generate_completion(self, **how: Any) -> str:
        """Return the script that completes the command line in a shell."""
        script = super().generate_completion(**how)
        for theirs, ours in _WORDS.items():
            script = script.replace(theirs, ours)
        return script


def make_app(*, all_options: bool = False) -> App:
    """Return the command line as a cyclopts app.

    Args:
        all_options: whether help shows the less common options too.
    """
    app = _CommandLine(
        name="foretell",
        help=_ABOUT,
        help_format="plaintext",
        help_formatter=HelpFormatter(all_options=all_options),
        help_epilogue=_START,
        version=lambda: foretell.__version__,
        version_flags=("--version",),
        config=(from_environment, from_toml, expand_home, check_whole, check_other_files),
        # A flag has a --no- form only where it says so.
        default_parameter=Parameter(negative=(), show_default=_default),
        group_commands=LOOK,
        group_parameters=Group("Options", sort_key=0),
    )
    app["--version"].help = "Show the version."
    train = App(
        name="train",
        help="Train a model: words on plain text, or labels on texts with labels.",
        help_epilogue=_examples(
            COMMANDS[name].examples[0] for name in ("train words", "train labels")
        ),
        group=TRAIN,
        group_commands=TRAIN,
    )
    app.command(train)
    for words, command in COMMANDS.items():
        is_train = words.startswith("train ")
        name = words.replace(" ", "_")
        epilogue = [*command.more[1:], _examples(command.examples)]
        if is_train and not all_options:
            epilogue.append("More options: --help-all shows every one.")
        (train if is_train else app).command(
            f"foretell.cli.{name}:{name}",
            name=words.split()[-1],
            usage=f"foretell {words} [OPTIONS] {command.arguments}".strip(),
            help="\n\n".join([command.help, *command.more[:1]]),
            help_epilogue="\n\n".join(epilogue),
            group=command.group,
        )
    app.register_install_completion_command(help="Install completion for your shell.", group=LOOK)
    return app


def _examples(examples: Iterable[str]) -> str:
    return "\n  ".join(["Examples", *examples])
