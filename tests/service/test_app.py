"""The files of the page: compressed, and sent again only where they changed; nothing else is."""

from __future__ import annotations

import pytest
from service_workplace import Running

from foretell.service.app import PAGE


@pytest.mark.parametrize("path", ["/", "/page/page.js", "/page/page.css"])
def test_a_file_of_the_page_is_sent_once_and_compressed(served: Running, path: str) -> None:
    first = served.http.get(path, headers={"Accept-Encoding": "gzip"})
    name = path.removeprefix("/page/").strip("/") or "index.html"
    assert first.content == (PAGE / name).read_bytes()
    assert (first.headers["content-encoding"], first.headers["cache-control"]) == (
        "gzip",
        "no-cache",
    )
    assert first.num_bytes_downloaded < len(first.content) / 2
    assert "accept-encoding" in first.headers["vary"].lower()
    again = served.http.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["content-security-policy"] == first.headers["content-security-policy"]
    changed = served.http.get(path, headers={"If-None-Match": '"another"'})
    assert changed.status_code == 200
    plain = served.http.get(path, headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.content == first.content


def test_answers_are_neither_compressed_nor_kept(served: Running) -> None:
    headers = {"Accept-Encoding": "gzip"}
    answers = [
        served.post("/v1/classify", {"texts": ["good way " * 20] * 20}, headers=headers),
        served.http.get("/openapi.json", headers=headers),
        served.http.get("/metrics", headers=headers),
        served.http.get("/page/none.js", headers=headers),
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 404]
    assert all(len(answer.content) > 600 for answer in answers[:3])
    for answer in answers:
        assert "content-encoding" not in answer.headers
        assert "etag" not in answer.headers
        assert answer.headers["cache-control"] == "no-store"
    assert answers[3].json()["error"]["message"].startswith("expected a path")
