"""The command `train labels`."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Annotated

from cyclopts import Parameter

from foretell.cli.inputs import local_model, one_source
from foretell.cli.options import (
    ANY_RECORDS,
    AS_TEXT,
    DATA,
    LabelledInput,
    Name,
    OutputOptions,
    Several,
    expect,
)
from foretell.cli.output import show_notes
from foretell.cli.setting_flags import LabelsOptions, given
from foretell.cli.train_words import RunOptions, finish
from foretell.errors import TooFewTextsWarning


@Parameter(name="*", group=DATA)
@dataclass(frozen=True, kw_only=True)
class Sources:
    """Data beside DATA.

    Attributes:
        valid: Validate on this data instead of on a part of DATA.
        unlabelled: Also learn from these texts without labels: a file, a folder, or imdb. May be
            given several times.
        vectors: Use word vectors from other texts: a file (GloVe, word2vec, fastText), or
            glove for the public English vectors of the extra glove. They help with few labels. See
            docs/outside-knowledge.md.
        teacher: Let a sentence encoder help to label the --unlabelled texts, in training only: a
            folder with model.onnx and tokenizer.json, or hf://owner/name. The model then answers
            alone. See docs/outside-knowledge.md.
        soft: Also learn from texts with a teacher's answers: a file with texts and a column for
            each label's probability, or a label and perhaps its probability, in any format of DATA.
            Without DATA the model learns from them alone. See docs/distil.md.
        keep_teacher: Also keep the teacher in the model and use it in each prediction, if that is
            better out of fold. The model is larger and takes milliseconds for a text. Needs no
            --unlabelled texts.
        label_hints: Words that describe each label: a file with labels and words, in any format of
            DATA. They help with the first few labels. Without DATA the model learns from them
            alone.
        continue_: Continue this model directory for labels with DATA, which may have new words and
            new labels. Its settings stay, unless they or --preset are given. See docs/continue.md.
        old: Old examples of the model to continue, learned from again. May be given several times.
            Without them the old model labels the --unlabelled texts and made-up texts instead.
    """

    valid: Annotated[Name | None, Parameter(metavar="DATA")] = None
    unlabelled: Annotated[Several, Parameter(metavar="TEXTS")] = ()
    vectors: Annotated[Name | None, Parameter(metavar="FILE|glove")] = None
    teacher: Annotated[Name | None, Parameter(metavar="DIR")] = None
    soft: Annotated[Name | None, Parameter(metavar="FILE")] = None
    keep_teacher: bool = False
    label_hints: Annotated[Name | None, Parameter(metavar="FILE")] = None
    continue_: Annotated[Name | None, Parameter(name="--continue", metavar="MODEL")] = None
    old: Annotated[Several, Parameter(metavar="DATA")] = ()

    def check(self, data: Sequence[str]) -> None:
        """Check that the options go together."""
        other = ""
        if self.label_hints:
            other = "--label-hints"
        elif self.soft:
            other = "--soft"
        elif not data:
            other = "none"
        what = "DATA, texts with labels, or --label-hints FILE, or --soft FILE"
        expect(not (self.teacher and self.soft), "one teacher", "--teacher and --soft")
        expect(
            not (self.continue_ and other), "DATA, new texts with labels, with --continue", other
        )
        expect(other != "none", what, "none")
        whose = "--continue MODEL, whose old examples these are"
        expect(not self.old or self.continue_ is not None, whose, "none", where="--old")


_NOTHING_MORE = Sources()


def train_labels(
    data: Annotated[tuple[Name, ...], Parameter(name="DATA...", show_default=False)] = (),
    /,
    *,
    training: RunOptions,
    more: Sources = _NOTHING_MORE,
    reading: LabelledInput = ANY_RECORDS,
    output: OutputOptions = AS_TEXT,
    options: LabelsOptions | None = None,
) -> None:
    """Train a text classifier.

    Args:
        data: File with texts and labels (.csv, .tsv, .jsonl, .json, .parquet, .xlsx, fastText
            lines, or .gz of one), folder with one folder for each label, - for standard input, the
            named set reviews or imdb, or a data set on the Hub (hf://owner/name,
            hf://owner/name@REVISION#SPLIT). Several files with the same columns are one source; a
            pattern in quotes ('data/*.csv') is all files that match it.
    """
    more.check(data)
    from foretell.classifier import Classifier
    from foretell.data.decode import existing
    from foretell.data.examples import unlabelled_texts

    notes: list[str] = []
    unlabelled = (
        unlabelled_texts(each, text=reading.text, notes=notes) for each in more.unlabelled
    )
    texts = list(chain.from_iterable(unlabelled))
    show_notes(notes)
    with warnings.catch_warnings():
        # `finish` says the same.
        warnings.simplefilter("ignore", TooFewTextsWarning)
        Classifier(training.preset, **given(options), verbose=1).fit(
            one_source(data),
            None if data else [],
            unlabelled=texts if more.unlabelled else None,
            valid=more.valid,
            vectors=more.vectors,
            teacher=more.teacher if more.soft is None else existing(more.soft),
            keep_teacher=more.keep_teacher,
            label_hints=more.label_hints,
            old=one_source(more.old) if more.old else None,
            continue_from=None if more.continue_ is None else local_model(more.continue_),
            **vars(reading),
            **training.how(),
        )
    finish(training, output)
