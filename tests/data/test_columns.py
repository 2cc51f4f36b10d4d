"""Which columns are texts and labels: on the headers of published data sets, and where they are
named.
"""

from __future__ import annotations

from typing import Any

import pytest

from foretell.data.columns import Columns, by_length, choose_columns
from foretell.data.records import ReadOptions
from foretell.errors import DataError

# The kind of each column stands behind the colon: texts, identifiers, names that repeat, dates,
# numbers, yes or no, or so many words (w) or numbers. What is chosen is "text > label", or the role
# that is not clear.
HEADERS = {
    "review:t sentiment:2w": "review > sentiment",
    "v1:2w v2:t": "v2 > v1",
    "label:2w sms_text:t": "sms_text > label",
    "text:t target:9 target_names:9w": "text > target",
    "id:i keyword:9w location:r text:t target:2": "text > target",
    ":i count:n hate_speech:n offensive_language:n neither:n class:3 tweet:t": "tweet > class",
    "tweet_id:i airline_sentiment:3w airline:5w name:r text:t": "text > airline_sentiment",
    "target:2 ids:i date:d flag:1w user:r text:t": "text > target",
    "category:5w filename:i title:t content:t": "content > category",
    "link:i headline:t category:9w short_description:t authors:r date:d": "headline > category",
    "text:t intent:9w": "text > intent",
    "intent:9w text:t slots:r": "text > intent",
    "Id:i Title:t Body:t Tags:r CreationDate:d Y:3": "Body > Y",
    "Review:t Rating:5": "Review > Rating",
    "Review:t Liked:2": "Review > Liked",
    ":i label:2w text:t label_num:2": "text > label",
    "clean_comment:t category:3w": "clean_comment > category",
    "tweet_text:t cyberbullying_type:6w": "tweet_text > cyberbullying_type",
    "Unnamed:i text:t class:2w": "text > class",
    "Tweet:t Target:5w Stance:3w": "Tweet > Target",
    "sentence:t score:n": "sentence > score",
    "body:t stars:5 vip:y": "body > stars",
    "id:i Отзыв:t Автор:r Категория:9w Дата:d": "Отзыв > Категория",
    "nr:i Treść:t Autor:r Etykieta:4w data:d": "Treść > Etykieta",
    "번호:i 리뷰:t 작성자:r 라벨:2": "리뷰 > 라벨",
    "編號:i 內容:t 作者:r 標籤:3w": "內容 > 標籤",
    "id:i label:6w statement:t subject:9w speaker:r": "subject > label",
    "Class_Index:4 Title:t Description:t": "text",
    "id:i comment_text:t toxic:2 severe_toxic:2 insult:2": "text",
    "id:i qid1:i qid2:i question1:t question2:t is_duplicate:2": "text",
    "qid:i question_text:t target:2": "text",
    "premise:t hypothesis:t label:3": "text",
    "Date_received:d Product:9w Issue:9w Consumer_complaint_narrative:t Company:r": "text",
    "label-coarse:6w label-fine:9w text:t": "label",
    "title:t text:t subject:4w date:d": "label",
    "review_id:i user_id:r stars:5 useful:n text:t date:d": "label",
    "Id:i ProductId:r Score:5 Time:i Summary:t Text:t": "label",
    "uniqueID:i drugName:9w condition:9w review:t rating:9 date:d usefulCount:n": "label",
    "Title:t Text:t Stars:5 Country:3w": "label",
    "id:i date:d vip:y body:t team:5w stars:5": "label",
    "id:i body:t": "only 'id', which is nearly unique",
    "body:t minutes:5": "only 'minutes', which holds numbers",
    "body:t day:d": "only 'day', which is nearly unique",
    "post:t": "label",
}


def cell(kind: str, row: int, column: int) -> str:
    number = (row * 31 + column * 17) * 7919 % 9973
    forms = {
        "t": f"This is text number {number}, about it",
        "i": f"id{row}",
        "r": f"name{number % 23}",
        "d": f"2025-{1 + number % 12:02}-{1 + number % 28:02}",
        "n": str(number % 40),
        "y": str(number % 2 > 0),
    }
    return forms.get(kind) or "k" * kind.endswith("w") + str(number % int(kind[0]))


@pytest.mark.parametrize("header", HEADERS)
def test_the_columns_of_published_data_sets(header: str) -> None:
    names, kinds = zip(*(each.rsplit(":", 1) for each in header.split()), strict=True)
    rows = [[cell(kind, row, column) for column, kind in enumerate(kinds)] for row in range(60)]
    try:
        found = choose_columns(names, rows, ReadOptions(need_label=True), "a.csv")
        chosen = f"{found.text[0]} > {found.label}"
    except DataError as error:
        chosen = error.found if "only" in error.found else error.expected.rsplit(" ", 1)[-1]
    assert chosen == HEADERS[header]


@pytest.mark.parametrize(
    ("names", "options", "expected"),
    [
        ("Review-Text Sentiment", {}, ("Review-Text", "Sentiment")),
        ("note other", {"text": "note", "need_label": True}, ("note", "other")),
        (
            "text",
            {"text": "txet"},
            r"column text; did you mean --text text \(Python: text='text'\)\?",
        ),
        (
            "text",
            {"label": "x"},
            "'x', found the column text; name one of them with --label COLUMN",
        ),
        (" ".join(f"c{i}" for i in range(30)), {}, "c19 and 10 more"),
        (
            "text label",
            {"text": "label", "label": "label"},
            "two columns, found 'label' for texts",
        ),
        ("Beschreibung Kategorie Ticket-ID", {}, ("Beschreibung", "Kategorie")),
    ],
)
def test_columns_are_chosen_where_they_are_clear(names: str, options: Any, expected: Any) -> None:
    if isinstance(expected, tuple):
        found = choose_columns(names.split(), [], ReadOptions(**options), "a.csv")
        assert found == Columns(expected[:1], expected[1])
        return
    with pytest.raises(DataError, match=rf"^a\.csv: expected .*{expected}"):
        choose_columns(names.split(), [], ReadOptions(**options), "a.csv")


@pytest.mark.parametrize(
    ("rows", "place"),
    [
        ([["a long text", "x"], ["another text", "x"], ["one cell"]], 0),
        ([["x", "a long text"], ["x", "another text"]], 1),
        # Labels repeat.
        ([["a long category", "t1"], ["a long category", "t2"]], None),
        ([["text", "kind"]], None),
        ([["one cell"]], None),
    ],
)
def test_of_two_columns_the_longer_holds_the_texts_unless_it_repeats_more(
    rows: list[list[str]], place: int | None
) -> None:
    assert by_length(rows) == place
