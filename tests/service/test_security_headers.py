"""The security headers are in every response, and the page works under them."""

from __future__ import annotations

import httpx
from service_workplace import Running

from foretell.service.security_headers import HEADERS, with_security_headers

ROUTES = ["/", "/page/page.js", "/health/live", "/metrics", "/openapi.json", "/v1/models", "/no"]


def test_caching_is_off_unless_a_route_controls_it() -> None:
    assert with_security_headers([]) == [(b"cache-control", b"no-store"), *HEADERS]
    own = (b"cache-control", b"no-cache")
    assert with_security_headers([own]) == [own, *HEADERS]


def test_every_answer_has_the_security_headers(served: Running) -> None:
    answers = [served.http.get(route) for route in ROUTES]
    answers += [served.http.get("/", headers={"Host": "evil.example"}), served.post("/v1/classify", {})]
    for answer in answers:
        policy = _policy(answer)
        assert policy["default-src"] == ["'none'"]
        assert policy["script-src"] == policy["connect-src"] == policy["style-src"] == ["'self'"]
        assert policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == ["'none'"]
        assert "unsafe" not in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert "server" not in answer.headers
    assert answers[5].headers["cache-control"] == "no-store"


def test_the_page_loads_nothing_from_elsewhere(served: Running) -> None:
    page = served.http.get("/").text
    assert "<h1>" in page
    assert "//" not in page
    assert "style=" not in page
    assert "onload" not in page
    script = served.http.get("/page/page.js")
    assert script.headers["content-type"].startswith("text/javascript")
    assert served.http.get("/page/../app.py").status_code == 404
    assert served.http.get("/page/%2e%2e/app.py").status_code == 404
    assert served.http.get("/docs").status_code == 404


def _policy(answer: httpx.Response) -> dict[str, list[str]]:
    directives = [part.split() for part in answer.headers["content-security-policy"].split(";")]
    return {name: values for name, *values in directives}
