"""The command `train labels`: a text classifier from texts with labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias, cast

from cyclopts import Parameter

from foretell.cli.inputs import local_model
from foretell.cli.options import ANY_RECORDS, AS_TEXT, DATA, LabelledInput, Output, Switch
from foretell.cli.output import note
from foretell.cli.setting_flags import LabelsOptions, given
from foretell.cli.train_words import RUN, Started, Training, check_possible, finish, show_survey
from foretell.config import LabelsSettings, with_changes
from foretell.errors import SettingsError
from foretell.presets import DEFAULT_PRESET, labels_preset_for, preset
from foretell.progress import view

if TYPE_CHECKING:
    from foretell.data.examples import Examples
    from foretell.data.soft import Answering
    from foretell.data.split import Split
    from foretell.training.labels.continued import Continued


@Parameter(name="*", group=DATA)
@dataclass(frozen=True, kw_only=True)
class Sources:
    """Data beside DATA.

    Attributes:
        valid: Validate on this data instead of on a part of DATA.
        unlabelled: Also learn from these texts without labels: a file, a folder, or imdb. May be given
            several times.
        vectors: Use word vectors from other texts: a file (GloVe, word2vec, fastText, .npy), or
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
        from_: Start from this model directory for words, made by foretell train words.
        continue_: Continue this model directory for labels with DATA, which may have new words and new
            labels. Its settings stay, unless they are given. See docs/continue.md.
        old: Old examples of the model to continue, learned from again. May be given several times. Without
            them the old model labels the --unlabelled texts and made-up texts instead.
        old_valid: Old examples to measure on only. The old model must not have learned from them.
        baseline: Also fit an n-gram linear model, to compare with.
    """

    valid: Annotated[str | None, Parameter(metavar="DATA")] = None
    unlabelled: Annotated[tuple[str, ...], Parameter(negative=(), metavar="TEXTS", show_default=False)] = ()
    vectors: Annotated[str | None, Parameter(metavar="FILE|glove")] = None
    teacher: Annotated[str | None, Parameter(metavar="DIR")] = None
    soft: Annotated[str | None, Parameter(metavar="FILE")] = None
    keep_teacher: Switch = False
    label_hints: Annotated[str | None, Parameter(metavar="FILE")] = None
    from_: Annotated[str | None, Parameter(name="--from", metavar="MODEL")] = None
    continue_: Annotated[str | None, Parameter(name="--continue", metavar="MODEL")] = None
    old: Annotated[tuple[str, ...], Parameter(negative=(), metavar="DATA", show_default=False)] = ()
    old_valid: Annotated[str | None, Parameter(metavar="DATA")] = None
    baseline: Annotated[bool, Parameter(group=RUN)] = True


_NOTHING_MORE = Sources()


def train_labels(
    data: Annotated[str | None, Parameter(name="DATA", show_default=False)] = None,
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
    from foretell.artifacts.kept_teacher import check_encoder_folder
    from foretell.hub.models import local_encoder

    # Before the data is read and TensorFlow is imported, which takes minutes and seconds.
    encoder = None
    if more.teacher is not None and more.soft is not None:
        raise SettingsError(expected="one teacher", found="--teacher and --soft", where="train labels")
    if more.teacher is not None:
        folder = local_encoder(more.teacher, listener=lambda address: note(f"teacher: {address}"))
        encoder = check_encoder_folder(folder)
    if more.vectors is not None:
        from foretell.data.word_vectors import vector_files

        vector_files(more.vectors)
    changes = given(options)
    check_possible(training)
    what = _to_continue if more.continue_ is not None else _to_begin
    split, continued, soft, settings, name = what(data, more, reading, training.preset, changes)
    from foretell.runtime.encoder import SentenceEncoder
    from foretell.training.labels.train import train_labels as train
    from foretell.training.labels.transfer import read_language_model

    with view() as listener:
        how = training.options(
            preset=name, baseline=more.baseline, listener=listener, started=started, given=frozenset(changes)
        )
        model = train(
            split,
            settings,
            how,
            start=None if more.from_ is None else read_language_model(local_model(more.from_)),
            continued=continued,
            vectors=more.vectors,
            teacher=soft if encoder is None else SentenceEncoder.open(encoder),
            keep_teacher=more.keep_teacher,
        )
    finish(model, training, output)


Begun: TypeAlias = "tuple[Split, Continued | None, Answering | None, LabelsSettings, str]"
"""The data of a training, what it continues, a teacher's answers, the settings and the name of the preset."""


def _to_continue(
    data: str | None, more: Sources, reading: LabelledInput, preset: str | None, changes: dict[str, Any]
) -> Begun:
    """Read the data of a training that continues a classifier, and show the survey of it."""
    from foretell.training.labels.ancestor import continued_settings, read_ancestor
    from foretell.training.labels.continued import continued_split, joined

    if data is None or more.label_hints is not None or more.soft is not None:
        raise SettingsError(
            expected="DATA, new texts with labels, with --continue",
            found="none" if data is None else "--label-hints" if more.soft is None else "--soft",
            where="train labels",
        )
    assert more.continue_ is not None
    ancestor = read_ancestor(local_model(more.continue_))
    settings = continued_settings(ancestor.model, preset, changes)
    new, old = reading.read(data, part="train"), [reading.read(each, part="train") for each in more.old]
    for examples in (new, *old):
        _show_survey(examples, settings)
    split, continued = continued_split(
        new,
        ancestor,
        old=joined(old, ", ".join(each.name for each in old)) if old else None,
        old_valid=None if more.old_valid is None else reading.read(more.old_valid, part="test"),
        valid=None if more.valid is None else reading.read(more.valid, part="test"),
        unlabelled=_unlabelled(more, reading),
        settings=settings,
    )
    return split, continued, None, settings, preset or ancestor.model.preset


def _to_begin(
    data: str | None, more: Sources, reading: LabelledInput, name: str | None, changes: dict[str, Any]
) -> Begun:
    """Read the data of a training that begins, split it, and show the survey of it.

    Raises:
        SettingsError: old examples of no classifier, or nothing to learn from.
        DataError: the data cannot be read, or there is nothing to learn from it.
    """
    from foretell.data.checks import check_learnable
    from foretell.data.examples import Examples
    from foretell.data.soft import read_soft
    from foretell.data.split import make_split
    from foretell.data.unlabelled import read_label_hints

    if more.old or more.old_valid is not None:
        raise SettingsError(
            expected="--continue MODEL, whose old examples these are",
            found="none",
            where="--old" if more.old else "--old-valid",
        )
    minutes = changes.get("minutes")
    chosen = name or (labels_preset_for(minutes) if minutes else DEFAULT_PRESET)
    settings = with_changes(cast(LabelsSettings, preset("labels", chosen)), changes)
    separator = settings.multi_label
    hints = None if more.label_hints is None else read_label_hints(more.label_hints)
    if data is not None:
        examples = reading.read(data, part="train", multi_label=separator)
        check_learnable(examples)
    elif hints is not None or more.soft is not None:
        examples = Examples([], []) if hints is None else hints
    else:
        expected = "DATA, texts with labels, or --label-hints FILE, or --soft FILE"
        raise SettingsError(expected=expected, found="neither", where="train labels")
    names, text = examples.label_names, reading.text
    soft = None if more.soft is None else read_soft(more.soft, names, text=text)
    split = make_split(
        examples,
        valid=None if more.valid is None else reading.read(more.valid, part="test", multi_label=separator),
        fraction=settings.fraction_for(len(examples)),
        seed=settings.seed,
        unlabelled=[*_unlabelled(more, reading), *(() if soft is None else soft.texts)],
        hints=hints,
    )
    if len(examples):
        _show_survey(examples, settings, split)
    if name is None and minutes:
        note(f"--preset {chosen}, for {settings.minutes:g} minutes\n")
    return split, None, soft, settings, chosen


def _show_survey(examples: Examples, settings: LabelsSettings, split: Split | None = None) -> None:
    from foretell.data.split import make_split
    from foretell.surveying.counts import survey_examples
    from foretell.text.splitting import splitter

    split = split or make_split(examples, fraction=0.0, seed=settings.seed)
    tokens = splitter(settings.tokens, lowercase=settings.lowercase)
    show_survey(survey_examples(examples, split, tokens=tokens))


def _unlabelled(more: Sources, reading: LabelledInput) -> list[str]:
    from foretell.data.unlabelled import unlabelled_texts

    return [text for each in more.unlabelled for text in unlabelled_texts(each, text=reading.text)]
