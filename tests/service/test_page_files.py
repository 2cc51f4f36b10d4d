"""Files on the page: read as Python reads them, classified by the service, safe to download."""

from __future__ import annotations

import csv
import io
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from page_workplace import opened, until, visited
from playwright.sync_api import Browser, Page, Route, expect
from service_workplace import Running

ROWS = [
    ["1", "the mind adapts", "=1+1"],
    ["2", 'way, "obstacle"\nacting 😀', "@SUM(A1)"],
    ["3", "", "plain"],
    ["4", "=good bad", "-1"],
]
PARSE = (
    """async ([text, delimiter]) => (await import("/page/records.js")).parseRows(text, delimiter)"""
)
READ = """async ([bytes, name]) => {
  const { decode, parseRecords, textColumn } = await import("/page/records.js");
  const file = new File([new Uint8Array(bytes)], name);
  try {
    const records = parseRecords(await decode(file), name);
    return { ...records, text: records.names[textColumn(records)] };
  } catch (error) {
    return error.message;
  }
}"""
DROP = """([content, name]) => {
  const files = new DataTransfer();
  files.items.add(new File([content], name));
  const area = document.querySelector(".drop");
  area.dispatchEvent(new DragEvent("drop", { dataTransfer: files, bubbles: true, cancelable: true }));
}"""


@pytest.fixture
def page(tab: Page, served: Running) -> Iterator[Page]:
    with visited(tab, f"{served.url}/#labels") as page:
        yield page


@pytest.fixture(scope="module")
def reader(browser: Browser, served: Running) -> Iterator[Page]:
    """One page for all tests that only read files, without loading it for each."""
    with opened(browser, f"{served.url}/#labels") as page:
        yield page


RUSSIAN = "привет мир, это хороший фильм о любви"
ENCODED = {
    "gbk": "这个电影是我看过的最好的，但是音乐不好",
    "big5": "這個電影是我看過的最好的，但是音樂不好",
    "shift_jis": "この映画はとても面白かったです",
    "euc_jp": "この映画はとても面白かったです",
    "euc_kr": "이 영화는 정말 재미있었습니다",
    "koi8_r": RUSSIAN,
    "cp1251": RUSSIAN,
    "cp1252": "Das Café war schön – “très bien”, señor",
}


@pytest.mark.parametrize("encoding", ENCODED)
def test_old_encodings_are_recognised(reader: Page, encoding: str) -> None:
    text = ENCODED[encoding]
    content = f"text,label\n{text.replace(',', '')},a\n".encode(encoding)
    found = reader.evaluate(READ, [list(content), "a.csv"])
    assert found["rows"] == [[text.replace(",", ""), "a"]]


def test_a_stray_quote_in_a_file_with_tabs_is_text(reader: Page) -> None:
    lines = ["text\tlabel", '"Great film\tpos', 'a 5" disc\tneg', 'he said "hi"\tneg', '"a b"\tpos']
    found = reader.evaluate(READ, [list("\n".join(lines).encode()), "a.tsv"])
    expected = [line.split("\t") for line in lines[1:]]
    expected[-1][0] = "a b"
    assert found["rows"] == expected


@pytest.mark.parametrize(
    ("name", "content", "line"),
    [
        (
            "a.csv",
            f"text\n{RUSSIAN.replace(',', '')}\n".encode("koi8_r"),
            "read as KOI8-R; if letters",
        ),
        ("a.tsv", b'text\tlabel\n"a\nb"\tpos\n', "record 1 has a line break inside quotes"),
    ],
)
def test_the_page_says_what_it_guessed(page: Page, name: str, content: bytes, line: str) -> None:
    file = {"name": name, "mimeType": "text/plain", "buffer": content}
    page.locator(".file [type=file]").set_input_files(file)
    expect(page.locator(".filename")).to_contain_text(line)


def test_a_file_with_labels_shows_accuracy_and_disagreements(page: Page, served: Running) -> None:
    texts = ["good way", "bad mind", "the mind", "acting"]
    answers = served.post("/v1/classify", {"texts": texts}).json()["answers"]
    labels = [each["label"] for each in answers]
    other = "pos" if labels[1] == "neg" else "neg"
    truth = [labels[0], other, labels[2], ""]
    rows = "".join(f"{a},{b}\n" for a, b in zip(texts, truth, strict=True))
    file = {"name": "a.csv", "mimeType": "text/csv", "buffer": f"text,label\n{rows}".encode()}
    page.locator(".file [type=file]").set_input_files(file)
    page.get_by_role("button", name="Classify 4 texts").click()
    expect(page.locator("[data-accuracy]")).to_have_text(
        "Accuracy 66.7 %: 2 of 3 texts with a label."
    )
    expect(page.locator(".confusion tbody tr")).to_have_text([f"{other}{labels[1]}1"])
    page.get_by_label("Disagreements only").check()
    expect(page.locator(".texts tbody tr")).to_have_count(1)
    page.get_by_role("button", name="bad mind").click()
    expect(page.locator("#labels-text")).to_have_value("bad mind")
    expect(page.locator(".effects tbody tr").first).to_be_visible()


@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|"])
def test_tables_are_read_as_python_reads_them(reader: Page, delimiter: str) -> None:
    letters = ["a", "é", "😀", delimiter, '"', "\n", "\r\n", " ", "'", "\\"]
    draw = random.Random(7)
    for width in (1, 2, 5):
        cells = ["".join(draw.choices(letters, k=draw.randrange(5))) for _ in range(60 * width)]
        rows = [cells[k : k + width] for k in range(0, len(cells), width)]
        for end in ("\n", "\r\n"):
            table = io.StringIO(newline="")
            csv.writer(table, delimiter=delimiter, lineterminator=end).writerows(rows)
            text = table.getvalue()
            assert reader.evaluate(PARSE, [text, delimiter]) == rows
            assert reader.evaluate(PARSE, [text.removesuffix(end), delimiter]) == rows


@pytest.mark.parametrize(
    ("content", "name", "names", "rows", "text"),
    [
        (b"text,label\na b,x\n", "a.csv", ["text", "label"], [["a b", "x"]], "text"),
        (
            b"id;Review Text\n1;a, b\n",
            "a.csv",
            ["id", "Review Text"],
            [["1", "a, b"]],
            "Review Text",
        ),
        (b"id\ttweet\n1\ta\n", "a.tsv", ["id", "tweet"], [["1", "a"]], "tweet"),
        (
            b'one line\n"two" lines, so\n',
            "a.txt",
            ["text"],
            [["one line"], ['"two" lines, so']],
            "text",
        ),
        (b"\xef\xbb\xbftext,n\na,1\n", "a.csv", ["text", "n"], [["a", "1"]], "text"),
        ("text,n\né,1\n".encode("latin-1"), "a.csv", ["text", "n"], [["é", "1"]], "text"),
        ("text,n\né,1\n".encode("utf-16"), "a.csv", ["text", "n"], [["é", "1"]], "text"),
        (b"text,text\na,b\n", "a.csv", ["text", "text (2)"], [["a", "b"]], "text"),
        (
            b'{"n": 1, "body": "a"}\n\n{"body": "b", "__proto__": "c"}\n',
            "a.jsonl",
            ["n", "body", "__proto__"],
            [[1, "a", None], [None, "b", "c"]],
            "body",
        ),
        (
            b'[{"text": "a", "n": 1},\n {"text": "b"}]',
            "a.json",
            ["text", "n"],
            [["a", 1], ["b", None]],
            "text",
        ),
        (b'\xef\xbb\xbf ["a", "b"]', "texts", ["text"], [["a"], ["b"]], "text"),
        (
            b"1,fine film,pos\n2,dull film,neg\n3,a film,pos\n",
            "a.csv",
            ["column 1", "column 2", "column 3"],
            [["1", "fine film", "pos"], ["2", "dull film", "neg"], ["3", "a film", "pos"]],
            "column 2",
        ),
    ],
)
def test_files_of_every_format_are_read(
    reader: Page, content: bytes, name: str, names: list[str], rows: Any, text: str
) -> None:
    records = reader.evaluate(READ, [list(content), name])
    assert (records["names"], records["rows"], records["text"]) == (names, rows, text)


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        (b"", "a.csv", "found none"),
        (b'text,label\na,"b\nc,d\n', "a.csv", "found none after the opening quote in line 2"),
        (b"text,label\na,b,c\n", "a.csv", "expected 2 columns in each record, found 3 in record 1"),
        (b"a\x00b", "a.csv", "binary data"),
        (b"%PDF-1.7\n1 0 obj\nstream\nendstream\n", "a.pdf", "found a PDF; copy its text"),
        (b"\x1f\x8b\x08", "a.csv.gz", "a gzip archive; unpack it"),
        (b"PAR1\x15", "a.parquet", "a Parquet file; use: foretell classify"),
        (b"[1, 2]", "a.json", "found another value in place 1"),
        (b'[{"text": "a"}', "a.json", "found invalid JSON"),
        (b'{"text": "a"}\n{"text": \n', "a.jsonl", "found another value in line 2"),
    ],
)
def test_a_file_that_cannot_be_read_gets_a_one_line_error(
    reader: Page, tmp_path: Path, content: bytes, name: str, message: str
) -> None:
    (tmp_path / name).write_bytes(content)
    reader.locator("[type=file]").set_input_files(tmp_path / name)
    problem = reader.locator(".file .problem")
    expect(problem).to_contain_text(f"{name}: expected")
    expect(problem).to_contain_text(message)
    expect(reader.locator(".chosen")).to_be_hidden()


def test_a_file_is_classified_summarised_and_downloaded(
    page: Page, served: Running, tmp_path: Path
) -> None:
    _write(tmp_path / "my texts.csv", [["n", "text", "label"], *ROWS])
    _classify(page, tmp_path / "my texts.csv", "Classify 4 texts")
    expected = served.post("/v1/classify", {"texts": [text for _, text, _ in ROWS]}).json()[
        "answers"
    ]
    shown = page.locator(".texts tbody tr")
    expect(shown).to_have_count(4)
    expect(shown.locator("th")).to_have_text([answer["label"] for answer in expected])
    expect(shown.nth(2)).to_contain_text("(empty)")
    counts = {
        label: sum(a["label"] == label for a in expected)
        for label in {a["label"] for a in expected}
    }
    for label, count in counts.items():
        row = page.locator(".summary tbody tr").filter(has_text=label)
        expect(row.locator("td").first).to_have_text(str(count))

    name, content = _download(page, "CSV")
    assert name == "my texts-answers.csv"
    assert content.startswith(b"\xef\xbb\xbf")
    table = list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    assert table[0] == ["n", "text", "label", "foretell_label", "probability", "reason", "flags"]
    assert [row[0] for row in table[1:]] == ["1", "2", "3", "4"]
    # A cell that a spreadsheet would take for a formula gets an apostrophe; other cells are
    # unchanged.
    assert [row[1] for row in table[1:]] == ["the mind adapts", ROWS[1][1], "", "'=good bad"]
    assert [row[2] for row in table[1:]] == ["'=1+1", "'@SUM(A1)", "plain", "-1"]
    assert [row[3] for row in table[1:]] == [answer["label"] for answer in expected]
    probabilities = [answer["probability"] for answer in expected]
    assert [float(row[4]) for row in table[1:]] == pytest.approx(probabilities, abs=1e-6)

    name, content = _download(page, "JSONL")
    assert name == "my texts-answers.jsonl"
    records = [json.loads(line) for line in content.decode().splitlines()]
    assert [[record[key] for key in ("n", "text", "label")] for record in records] == ROWS
    assert records[2]["flags"] == expected[2]["flags"]


def test_answers_are_sorted_filtered_and_without_a_label_below_a_probability(
    page: Page, served: Running, tmp_path: Path
) -> None:
    texts = [text * n for text in ("good ", "bad obstacle ", "the mind way ") for n in range(1, 15)]
    _write(tmp_path / "a.csv", [["text"], *([text] for text in texts)])
    page.locator("[type=file]").set_input_files(tmp_path / "a.csv")
    answers = served.post("/v1/classify", {"texts": texts}).json()["answers"]
    below = round(100 * sorted(answer["probability"] for answer in answers)[20])
    page.get_by_label("No label below a probability of").fill(str(below))
    page.get_by_role("button", name="Classify 42 texts").click()
    page.get_by_role("button", name="Show more (20 of 42 shown)").click()
    rows = page.locator(".texts tbody tr")
    expect(rows).to_have_count(42)
    page.get_by_label("Sort by").select_option("probability")
    shown = rows.locator("td:nth-child(3)").all_inner_texts()
    assert shown == sorted(shown, key=lambda each: float(each.removesuffix(" %")))
    page.get_by_label("Show label").select_option("no label")
    without_label = sum(answer["probability"] < below / 100 for answer in answers)
    assert 0 < without_label < 42
    expect(rows).to_have_count(min(20, without_label))
    expect(rows.first.locator("th")).to_have_text("no label")
    expect(rows.first).to_contain_text(f"below {below / 100:g}")


def test_a_file_can_be_stopped_and_continued(page: Page, served: Running) -> None:
    texts = [f"{n} mind" for n in range(1000)]
    requests: list[Route] = []

    def pass_only_two(route: Route) -> None:
        requests.append(route)
        if len(requests) <= 2:
            route.continue_()

    page.route("**/v1/classify", pass_only_two)
    page.evaluate(DROP, ["\n".join(["text", *texts]), "dropped.csv"])
    page.get_by_role("button", name="Classify 1,000 texts").click()
    expect(page.locator(".progress")).to_contain_text("of 1,000")
    until(page, "() => document.querySelector('progress').value > 0")
    page.get_by_role("button", name="Stop").click()
    continue_button = page.get_by_role("button", name="Continue with")
    expect(continue_button).to_be_visible()
    done = int(page.locator("progress").evaluate("(bar) => bar.value"))
    assert 0 < done < 1000
    _, content = _download(page, "JSONL")
    reasons = [json.loads(line)["reason"] for line in content.decode().splitlines()]
    assert reasons.count("not classified") == 1000 - done
    requested: list[str] = []

    def pass_all(route: Route) -> None:
        requested.extend(route.request.post_data_json["texts"])
        route.continue_()

    page.unroute("**/v1/classify")
    page.route("**/v1/classify", pass_all)
    continue_button.click()
    expect(page.locator(".progress")).to_contain_text("1,000 of 1,000 texts classified")
    # Texts that have an answer are not sent again.
    left = [text for text, reason in zip(texts, reasons, strict=True) if reason == "not classified"]
    assert sorted(requested) == sorted(left)
    _, content = _download(page, "JSONL")
    records = [json.loads(line) for line in content.decode().splitlines()]
    expected = served.post("/v1/classify", {"texts": texts}).json()["answers"]
    assert [record["label"] for record in records] == [answer["label"] for answer in expected]


def test_a_request_to_a_busy_service_is_repeated(page: Page, tmp_path: Path) -> None:
    error = {"message": "expected at most 1", "type": "rate_limit_error", "code": "queue_full"}
    busy = {"status": 429, "headers": {"Retry-After": "1"}, "json": {"error": error}}
    page.route("**/v1/classify", lambda route: route.fulfill(**busy), times=1)  # type: ignore[arg-type]
    _write(tmp_path / "a.csv", [["text"], ["good way"]])
    with page.expect_response(lambda response: response.status == 429):
        _classify(page, tmp_path / "a.csv", "Classify 1 text")
    expect(page.locator(".texts tbody tr")).to_have_count(1)
    expect(page.locator(".file .problem")).to_be_hidden()


def test_a_file_of_100_mb_that_is_dropped_is_refused_at_once(page: Page) -> None:
    page.evaluate("() => { window.large = new Uint8Array(100 << 20); }")
    page.evaluate(DROP.replace("[content]", "[window.large]"), ["", "large.csv"])
    problem = page.locator(".file .problem")
    expect(problem).to_have_text(
        "large.csv: expected at most 64 MiB, found 100 MiB; use: foretell classify MODEL FILE"
    )
    # The next file works.
    page.evaluate(DROP, ["text\ngood way", "small.csv"])
    expect(problem).to_be_hidden()
    page.get_by_role("button", name="Classify 1 text").click()
    expect(page.locator(".texts tbody tr")).to_have_count(1)


def _write(path: Path, rows: list[list[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)


def _classify(page: Page, path: Path, button: str) -> None:
    page.locator("[type=file]").set_input_files(path)
    page.get_by_role("button", name=button).click()


def _download(page: Page, kind: str) -> tuple[str, bytes]:
    with page.expect_download() as download:
        page.get_by_role("button", name=f"Download {kind}").click()
    return download.value.suggested_filename, Path(download.value.path()).read_bytes()
