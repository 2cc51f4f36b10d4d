"""A request for predictions that the models cannot answer is named."""

from __future__ import annotations

from service_workplace import (
    Running,
)


def test_what_the_models_cannot_do_is_told(served: Running) -> None:
    cases = [
        ("/v1/classify", {"model": "notes", "texts": "a"}, 400, "wrong_job"),
        ("/v1/classify", {"model": "nosuch", "texts": "a"}, 404, "model_not_found"),
        ("/v1/next", {"model": "reviews", "texts": "a"}, 400, "wrong_job"),
        ("/v1/states", {"text": "a"}, 404, "model_not_found"),
        ("/v1/states", {"model": "notes", "text": "a", "layer": "dense"}, 422, "cannot_answer"),
        ("/v1/states", {"model": "notes", "text": "a", "unit": 8}, 422, None),
        ("/v1/score", {"texts": ""}, 422, "cannot_answer"),
    ]
    assert served.post("/v1/score", {"texts": ["a", ""]}).json()["error"]["param"] == "texts.1"
    for path, body, status, code in cases:
        answer = served.post(path, body)
        assert answer.status_code == status, (path, body, answer.text)
        assert answer.json()["error"]["code"] == code
    assert served.post("/v1/classify", {"texts": "good"}).status_code == 200
