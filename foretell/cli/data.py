"""The command `data`: a survey of labelled texts, likely label errors, and a corrected copy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from foretell.cli.inputs import one_source
from foretell.cli.options import (
    ANY_RECORDS,
    AS_TEXT,
    OUTPUT,
    Count,
    LabelledInput,
    Name,
    OutputOptions,
    expect,
)
from foretell.cli.output import aligned, note, show_notes, write_report
from foretell.readable import excerpt, isolated, number_of

if TYPE_CHECKING:
    from foretell.data.records import Reading
    from foretell.surveying.result import DataSurvey


def data(
    data: Annotated[tuple[Name, ...], Parameter(name="DATA...")],
    /,
    *,
    valid: Annotated[Name | None, Parameter(metavar="DATA")] = None,
    test: Annotated[Name | None, Parameter(metavar="DATA")] = None,
    check_labels: bool = False,
    out: Annotated[Name | None, Parameter(metavar="FILE", group=OUTPUT)] = None,
    accept: Annotated[Name | None, Parameter(metavar="FILE")] = None,
    accept_above: Annotated[float | None, Parameter(metavar="P")] = None,
    html: Annotated[Name | None, Parameter(metavar="FILE", group=OUTPUT)] = None,
    show: Count = 20,
    multi_label: Annotated[str, Parameter(metavar="SEPARATOR")] = "",
    reading: LabelledInput = ANY_RECORDS,
    output: OutputOptions = AS_TEXT,
) -> None:
    """Survey labelled texts.

    Args:
        data: Texts with labels, as for train labels; - is standard input. Several files with the
            same columns are read as one; a pattern in quotes ('data/*.csv') stands for all files
            that match it.
        valid: Count the texts that this validation set shares with DATA.
        test: Count the texts that this test set shares with DATA.
        check_labels: Search for likely label errors: texts for which a linear model, fitted to
            other texts, predicts another label. Takes the time of five fits.
        out: Write a copy of DATA as CSV with the accepted corrections. It has all columns and
            records, those of several files one after another. Needs --accept or --accept-above.
        accept: Accept the corrections whose column accept is yes in this table, which
            --check-labels --format csv has written and you have edited.
        accept_above: Accept every correction whose label has at least this out-of-fold probability,
            0 to 1.
        html: Write the survey as a web page with plots. It quotes texts.
        show: Show up to N likely label errors.
        multi_label: Count each label of texts that may have several, separated by this text, such
            as ";".
    """
    both = "--out together with --accept or --accept-above"
    if accept is None and accept_above is None:
        expect(out is None, both, "--out alone", "add --accept FILE or --accept-above P")
    else:
        expect(out is not None, both, "no --out", "add --out FILE")
    is_checked = check_labels or accept_above is None
    expect(is_checked, "--check-labels with --accept-above", "none", "add --check-labels")
    format = output.chosen()
    from foretell.surveying.result import COLUMNS, findings
    from foretell.surveying.survey import survey as survey_of

    how: Reading = {**reading.how(), "multi_label": multi_label}
    survey = survey_of(
        one_source(data), valid=valid, test=test, check_labels=check_labels, listener=note, **how
    )
    show_notes(survey.notes)
    write_report(format, survey.to_dict(), _text(survey, show), COLUMNS, findings(survey))
    if html is not None:
        survey.save_html(html)
        note(f"page: {html}")
    if out is not None:
        from foretell.surveying.corrections import accepted_in_file

        accepted = {} if accept is None else accepted_in_file(accept, survey)
        changed = survey.write_corrected(out, accept=accepted, above=accept_above)
        note(f"wrote {out}: {number_of(changed, 'label')} changed")


def _text(survey: DataSurvey, show: int) -> str:
    """Return a survey for people, with up to `show` likely label errors."""
    errors = () if survey.label_check is None else survey.label_check.errors
    if not errors or not show:
        return str(survey)
    rows = [
        (
            each.row,
            each.label,
            f"{isolated(each.suggested)} {each.suggested_probability:.2f}",
            excerpt(each.text),
        )
        for each in errors[:show]
    ]
    first = f", the first {show}" if len(errors) > show else ""
    head = ("row", "label", "more likely", "text")
    return f"{survey}\n\nlikely label errors{first}:\n{aligned([head, *rows])}"
