"""The command `train labels`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from foretell.cli.inputs import local_model
from foretell.cli.options import ANY_RECORDS, AS_TEXT, DATA, LabelledInput, Output, Several, expect
from foretell.cli.output import note
from foretell.cli.setting_flags import LabelsOptions, given
from foretell.cli.train_words import Started, Training, finish, show_survey
from foretell.config import LabelsSettings
from foretell.presets import labels_preset_for
from foretell.progress import view

if TYPE_CHECKING:
    from foretell.data.examples import Examples
    from foretell.data.records import Part
    from foretell.data.soft import Answering
    from foretell.data.split import Split
    from foretell.training.labels.ancestor import Ancestor
    from foretell.training.labels.continued import Continued


@Parameter(name="*", group=DATA)
@dataclass(frozen=True, kw_only=True)
class Sources:
    """Data beside DATA.

    Attributes:
        valid: Validate on this data instead of on a part of DATA.
        unlabelled: Also learn from these texts without labels: a file, a folder, or imdb. May be given
            several times.
        vectors: Use word vectors from other texts: a file (GloVe, word2vec, fastText), or
            glove for the public English vectors of the extra glove. They help with few labels. See
            docs/outside-knowledge.md.
        teacher: Let a sentence encoder help to label the --unlabelled texts, in training only: a folder with
            model.onnx and tokenizer.json, or hf://owner/name. The model then answers alone. See
            docs/outside-knowledge.md.
        soft: Also learn from texts with a teacher's answers: a file with texts and a column for each label's
            probability, or a label and perhaps its probability, in any format of DATA. Without DATA the model
            learns from them alone. See docs/distil.md.
        keep_teacher: Also keep the teacher in the model and use it in each prediction, if that is better out
            of fold. The model is larger and takes milliseconds for a text. Needs no --unlabelled texts.
        label_hints: Words that say what each label means: a file with labels and words, in any format of
            DATA. They help with the first few labels. Without DATA the model learns from them alone.
        continue_: Continue this model directory for labels with DATA, which may have new words and new
            labels. Its settings stay, unless they or --preset are given. See docs/continue.md.
        old: Old examples of the model to continue, learned from again. May be given several times. Without
            them the old model labels the --unlabelled texts and made-up texts instead.
    """

    valid: Annotated[str | None, Parameter(metavar="DATA")] = None
    unlabelled: Annotated[Several, Parameter(metavar="TEXTS")] = ()
    vectors: Annotated[str | None, Parameter(metavar="FILE|glove")] = None
    teacher: Annotated[str | None, Parameter(metavar="DIR")] = None
    soft: Annotated[str | None, Parameter(metavar="FILE")] = None
    keep_teacher: bool = False
    label_hints: Annotated[str | None, Parameter(metavar="FILE")] = None
    continue_: Annotated[str | None, Parameter(name="--continue", metavar="MODEL")] = None
    old: Annotated[Several, Parameter(metavar="DATA")] = ()

    def check(self, data: str | None) -> None:
        """Check that the options go together."""
        other = "--label-hints" if self.label_hints else "--soft" if self.soft else "" if data else "none"
        what = "DATA, texts with labels, or --label-hints FILE, or --soft FILE"
        expect(not (self.teacher and self.soft), "one teacher", "--teacher and --soft")
        expect(not (self.continue_ and other), "DATA, new texts with labels, with --continue", other)
        expect(other != "none", what, "none")
        whose = "--continue MODEL, whose old examples these are"
        expect(not self.old or self.continue_ is not None, whose, "none", where="--old")


_NOTHING_MORE = Sources()


def train_labels(
    data: Annotated[str | None, Parameter(name="DATA")] = None,
    /,
    *,
    training: Training,
    more: Sources = _NOTHING_MORE,
    reading: LabelledInput = ANY_RECORDS,
    output: Output = AS_TEXT,
    options: LabelsOptions | None = None,
    started: Started,
) -> None:
    """Train a text classifier.

    Args:
        data: File with texts and labels (.csv, .tsv, .jsonl, .json, .parquet, .xlsx, fastText lines, or .gz
            of one), folder with one folder for each label, - for standard input, the named set imdb, or a
            data set on the Hub (hf://owner/name, hf://owner/name@REVISION#SPLIT).
    """
    from foretell.data.word_vectors import vector_files

    # Before the data is read and TensorFlow is imported, which takes minutes and seconds.
    more.check(data)
    encoder = None if more.teacher is None else _encoder_folder(more.teacher)
    if more.vectors is not None:
        vector_files(more.vectors)
    changes = given(options)
    training.check()
    from foretell.training.labels.ancestor import read_ancestor, settings_for

    ancestor = None if more.continue_ is None else read_ancestor(local_model(more.continue_))
    settings, name = settings_for(training.preset, changes, ancestor)
    is_chosen = ancestor is None and training.preset is None and "minutes" in changes and settings.minutes > 0
    if is_chosen:
        settings, name = settings_for(labels_preset_for(settings.minutes), changes, None)
    split, continued, soft = _read(data, more, reading, settings, ancestor)
    if is_chosen:
        note(f"--preset {name}, for {settings.minutes:g} minutes\n")
    from foretell.runtime.encoder import SentenceEncoder
    from foretell.training.labels.train import train_labels as train

    with view() as listener:
        model = train(
            split,
            settings,
            replace(
                training.options(), preset=name, listener=listener, started=started, given=frozenset(changes)
            ),
            continued=continued,
            vectors=more.vectors,
            teacher=soft if encoder is None else SentenceEncoder.open(encoder),
            keep_teacher=more.keep_teacher,
        )
    finish(model, training, output)


def _encoder_folder(teacher: str) -> Path:
    """Return the folder of a sentence encoder, checked; of one on the Hub the commit is shown."""
    from foretell.artifacts.kept_teacher import check_encoder_folder
    from foretell.hub.client import address_of
    from foretell.hub.models import local_encoder

    folder = local_encoder(teacher)
    if (address := address_of(folder)) is not None:
        note(f"teacher: {address}")
    return check_encoder_folder(folder)


def _read(
    data: str | None, more: Sources, reading: LabelledInput, settings: LabelsSettings,
    ancestor: Ancestor | None,
) -> tuple[Split, Continued | None, Answering | None]:  # fmt: skip
    """Read and show the data of a training; return it with what is continued and a teacher's answers."""
    from foretell.data.checks import check_learnable
    from foretell.data.examples import Examples, read_label_hints, unlabelled_texts
    from foretell.data.soft import read_soft
    from foretell.data.split import make_split
    from foretell.surveying.counts import survey_examples
    from foretell.text.tokenizer import Tokenizer
    from foretell.training.labels.continued import split_of
    from foretell.training.labels.rows import joined

    def read(source: str | None, part: Part) -> Examples | None:
        return None if source is None else reading.read(source, part=part, multi_label=settings.multi_label)

    hints = None if more.label_hints is None else read_label_hints(more.label_hints)
    found = read(data, "train")
    examples = found if found is not None else hints or Examples([], [])
    if found is not None and ancestor is None:
        check_learnable(examples)
    soft = None if more.soft is None else read_soft(more.soft, examples.label_names, text=reading.text)
    unlabelled = [text for each in more.unlabelled for text in unlabelled_texts(each, text=reading.text)]
    olds = [reading.read(each, part="train") for each in more.old]
    split, continued = split_of(
        examples, settings, ancestor, valid=read(more.valid, "test"), hints=hints,
        unlabelled=[*unlabelled, *(() if soft is None else soft.texts)],
        old=joined(olds, ", ".join(each.name for each in olds)) if olds else None,
    )  # fmt: skip
    tokens = Tokenizer.without_words(settings.tokens, lowercase=settings.lowercase).runs
    for each in filter(len, (examples, *olds)):
        of_one = split if ancestor is None else make_split(each, fraction=0.0, seed=settings.seed)
        survey = survey_examples(each, of_one, tokens=tokens)
        show_survey(survey, survey.notes)
    return split, continued, soft
