"""Train a text classifier: a split in, a model directory out.

The steps are those of `decide`; each is a file beside this one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import chain
from pathlib import Path

from foretell.artifacts.model import Model
from foretell.config import MAX_FOLDED_TEXTS, LabelsSettings
from foretell.data.checks import check_learnable
from foretell.data.soft import Answering
from foretell.data.split import Split, write_seen
from foretell.data.word_vectors import vector_files
from foretell.errors import SettingsError
from foretell.hashes import sha256_of
from foretell.presets import changed
from foretell.training.events import Listener, Note, Stage
from foretell.training.labels import one_member
from foretell.training.labels.answers import taught_metrics, with_answers
from foretell.training.labels.continued import Continued, continued_metrics
from foretell.training.labels.decide import decide, has_many_members
from foretell.training.labels.stages import Stages, Training
from foretell.training.labels.teacher import Encoder
from foretell.training.labels.tokens import Tokens, tokenize_split, with_vectors
from foretell.training.options import TrainOptions
from foretell.training.run import Request, Run

_ONLY_WITH_MEMBERS = (
    f"only a classifier with several linear models learns from it: up to {MAX_FOLDED_TEXTS:,} labelled "
    "texts, or short ones"
)
_ONLY_HINTS = {"only_hints": True, "measured_on": "label hints, while training"}


def train_labels(
    split: Split,
    settings: LabelsSettings,
    options: TrainOptions,
    *,
    continued: Continued | None = None,
    vectors: str | Path | None = None,
    teacher: Encoder | Answering | None = None,
    keep_teacher: bool = False,
) -> Model:
    """Train a classifier and write its model directory.

    Args:
        split: training, validation and unlabelled texts, made by `split_of` or `data.split.make_split`.
        settings: the configuration, a preset or one made from it.
        options: where the model is written, and how the training is run.
        continued: the classifier to continue, as `split_of` returned it with the split; the settings are
            those of `continued_settings`.
        vectors: a file of word vectors, or "glove" (see `read_word_vectors`); None: no vectors.
        teacher: what helps to label the unlabelled texts: a sentence encoder, a classifier or its answers.
            Where no text has a label, the model learns from these answers alone. None: no teacher.
        keep_teacher: make the teacher a member of the ensemble too, where out-of-fold predictions give it
            weight: the model then contains it and runs it for each text.

    Returns:
        The model as it was written; `measured_on` of its metrics states what they were measured on.

    Raises:
        DataError: texts that cannot be learned from; word vectors that cannot be read or are of another
            language.
        SettingsError: unlabelled texts, word vectors or a teacher for a network that cannot use them; a
            teacher without unlabelled texts that is not kept; one to keep without a teacher.
        MissingExtraError: the vectors "glove" without their package.
        RunError: there is an unfinished run, or none to resume, or it was another training.
        ArtifactError: `options.out` cannot be written, or the teacher fails.
        Interrupted: training was stopped; `options.resume` continues it.
    """
    # A setting of one's own that a continued or loaded classifier has was given once.
    options = replace(options, given=options.given | changed("labels", settings, options.preset))
    answering = teacher if isinstance(teacher, Answering) else None
    if not split.has_only_hints and (answering is None or len(split.train)):
        check_learnable(split.train)
    outside = {"vectors": vectors, "teacher": teacher, "label_hints": split.hints}
    _check(split, settings, continued, outside, keep_teacher=keep_teacher)
    split, settings = _fitting(split, settings, options.listener)
    encoder = None if isinstance(teacher, Answering) else teacher
    if answering is None and not _uses_outside(split, settings, outside, options.listener):
        vectors, encoder = None, None
    kept = encoder.files() if encoder is not None and keep_teacher else None
    _report(split, settings, options.listener)
    used = answering or encoder
    files = () if vectors is None else vector_files(vectors)
    digests = [sha256_of(*files) if files else "", "" if used is None else used.sha256]
    more = ["keep_teacher" if kept is not None else "", "" if continued is None else continued.digest()]
    request = Request(job="labels", settings=settings, data=_digest(split, *digests, *more))
    # With the old examples the network starts anew: the old one has seen those that are held out, would seem
    # better than it is and get too large a weight (docs/experiments.md).
    ancestor = None if continued is None or continued.has_old else continued.ancestor
    with Run.open(request, options) as run:
        write_seen(split, run.folder)
        labelled, stages = split, Stages(run)
        if answering is not None:
            split, taught = with_answers(split, answering, settings, stages)
            split, settings = _fitting(split, settings, options.listener)
        tokens, settings = _tokens(split, settings, continued, vectors, options.listener)
        training = Training(tokens=tokens, split=split, settings=settings, run=run, stages=stages)
        model, measured = decide(training, ancestor, encoder, kept)
        metrics = {**model.metrics, **(_ONLY_HINTS if split.has_only_hints else {})}
        if answering is not None:
            metrics = taught_metrics(metrics, labelled, taught)
        if continued is not None:
            model = replace(model, ancestors=continued.ancestor.lineage)
            metrics["continued"] = continued_metrics(model, continued, measured, options.listener)
        model = replace(model, metrics=metrics)
        run.finish(model)
    return model


def _tokens(
    split: Split,
    settings: LabelsSettings,
    continued: Continued | None,
    vectors: str | Path | None,
    listener: Listener,
) -> tuple[Tokens, LabelsSettings]:
    """Return the tokenized split, and the settings with the vocabulary that the network reads."""
    listener(Stage(name="counting words", done=0.05))
    tokens = tokenize_split(split, settings, None if continued is None else continued.ancestor.model)
    if continued is not None and continued.has_old:
        text = continued.ancestor.new_words(tokens.tokenizer, settings)
        listener(Note(text=f"continued from {continued.ancestor.name}: {text}"))
    if vectors is not None:
        # The network reads the words of the texts only.
        words = tokens.tokenizer.size - tokens.tokenizer.specials
        settings = replace(settings, vocabulary=min(settings.vocabulary, words))
        tokens = with_vectors(tokens, split, vectors, listener)
    return tokens, settings


def _uses_outside(
    split: Split, settings: LabelsSettings, outside: Mapping[str, object], listener: Listener
) -> bool:
    """Return whether word vectors and a teacher are used; a note names what is not."""
    if settings.is_multi_label or has_many_members(split, settings):
        return True
    names = {"vectors": "word vectors", "teacher": "a teacher", "label_hints": "label hints"}
    for key, value in outside.items():
        # Hints alone are what such a classifier learns from, too.
        if value is not None and not (key == "label_hints" and split.has_only_hints):
            listener(Note(text=f"{names[key]}: not used, because {_ONLY_WITH_MEMBERS}"))
    return False


def _fitting(split: Split, settings: LabelsSettings, listener: Listener) -> tuple[Split, LabelsSettings]:
    """Return a split and settings without linear models where there are too many labels for them.

    Unlabelled texts are left out too: a linear model would label them.
    """
    n, n_labels = len(split.train), len(split.train.label_names)
    if not settings.linear or n * n_labels <= one_member.MAX_CELLS:
        return split, settings
    unlabelled = " and no texts without labels" if split.unlabelled else ""
    text = f"{n_labels:,} labels and {n:,} texts are too many for linear models: the network learns alone"
    listener(Note(text=f"{text}{unlabelled}"))
    alone = replace(settings, linear=False, folds=0, refit=False)
    return replace(split, unlabelled=()), alone


def _check(
    split: Split,
    settings: LabelsSettings,
    continued: Continued | None,
    outside: Mapping[str, object],
    *,
    keep_teacher: bool,
) -> None:
    """Raise SettingsError for what does not go together; `outside` has vectors, teacher and label_hints."""
    several, alone = settings.is_multi_label, f"the network '{settings.network}' alone"
    given = [name for name, value in outside.items() if value is not None]
    base, has_teacher = "choose --preset base, or set --linear", "teacher" in given
    no_encoder = "a teacher that is no encoder" if isinstance(outside["teacher"], Answering) else ""
    other = "label-hints alone" if split.has_only_hints else no_encoder
    rules: list[tuple[bool, str, str, str, str]] = [
        (
            bool(split.unlabelled) and not settings.linear,
            "a preset that learns from unlabelled texts: quick, base or best", alone, "unlabelled", base,
        ),
        (
            continued is not None and several,
            "a classifier with one label for each text, which can be continued",
            "several labels for each text", "continue", "train a new model on all data",
        ),
        (
            continued is not None and bool(other),
            "a classifier to continue, which has its own weights", f"{other} too", "continue",
            f"leave {other} out",
        ),
        *(
            (several, f"no {name} where texts may have several labels", name, "multi-label", f"drop {name}")
            for name in given
        ),
        *((not settings.linear, "a preset with linear models", alone, name, base) for name in given),
        (keep_teacher and not has_teacher, "a teacher to keep", "none", "keep_teacher", "give --teacher too"),
        (keep_teacher and bool(no_encoder), "a teacher to keep", no_encoder, "keep_teacher", "leave one out"),
        (
            has_teacher and settings.balance, "a teacher without class weights: its shares are true",
            "balance", "teacher", "leave out one of the two",
        ),
        (
            has_teacher and not keep_teacher and not split.unlabelled,
            "unlabelled texts, which the teacher labels", "none", "teacher",
            "give more texts of the same kind, without labels, or keep the teacher (--keep-teacher)",
        ),
    ]  # fmt: skip
    for applies, expected, found, where, fix in rules:
        if applies:
            raise SettingsError(expected=expected, found=found, where=where, fix=fix)


def _report(split: Split, settings: LabelsSettings, listener: Listener) -> None:
    if settings.fraction_for(len(split.train)) and split.valid is None:
        listener(Note(text="without validation texts, the weights of the last epoch are kept"))
    if split.unlabelled:
        listener(Note(text=f"{len(split.unlabelled):,} unlabelled texts to learn from"))


def _digest(split: Split, *more: str) -> str:
    """Return the SHA-256 of all texts and labels, each with its length so that none can run into the next.

    Empty strings among `more`, digests of other files, change nothing.
    """
    digest = hashlib.sha256()
    for text in chain(_strings(split), filter(None, more)):
        encoded = text.encode("utf-8", "surrogatepass")
        digest.update(len(encoded).to_bytes(8, "little"))
        digest.update(encoded)
    return digest.hexdigest()


def _strings(split: Split) -> Iterator[str]:
    for part in (split.train, split.valid):
        if part is not None:
            yield f"{len(part)} examples"
            yield from part.texts
            yield from part.labels
            yield from map(repr, part.weights or ())
            if part.sets is not None:
                yield from (*part.sets.names, hashlib.sha256(part.sets.values.tobytes()).hexdigest())
    yield from split.unlabelled
    if split.hints is not None and not split.has_only_hints:
        yield f"{len(split.hints)} hints"
        yield from split.hints.texts
        yield from split.hints.labels
