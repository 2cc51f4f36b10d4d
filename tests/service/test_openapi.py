"""Answers match the OpenAPI document, and the promises of the docs name tests that are there."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from reliability.sizes import report, sizes
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance
from service_workplace import VERBS, Running

GETS = ("/health/live", "/health/ready", "/metrics", "/v1/models", "/v1/models/{model}")
# A text without a word has no score, not every name is a layer's, and best_of depends on n.
MAY_REFUSE = ("/v1/score", "/v1/states", "/v1/completions")
OPERATIONS = [*(("POST", f"/v1/{verb}") for verb in VERBS), *(("GET", path) for path in GETS)]
# 13 kinds of requests make 5,005 cases; those of GET without a parameter are one case each.
WHOLE = 385


@pytest.fixture(scope="module")
def document(served: Running) -> Any:
    return schemathesis.openapi.from_url(f"{served.url}/openapi.json")


@sizes(5, WHOLE)
@pytest.mark.parametrize("mode", list(GenerationMode))
@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_every_answer_is_as_promised(
    document: Any, method: str, path: str, mode: GenerationMode, count: int
) -> None:
    operation = document[path][method]
    cases = 0

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(
        max_examples=count,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    def holds(case: schemathesis.Case) -> None:
        nonlocal cases
        cases += 1
        case.call_and_validate(
            excluded_checks=[positive_data_acceptance] if path in MAY_REFUSE else []
        )

    try:
        holds()
    except Unsatisfiable:
        assert mode is GenerationMode.NEGATIVE, "nothing to get wrong in it"
    report(f"schemathesis {method} {path} {mode.name}", cases=cases)


def test_every_route_has_an_example_that_works(served: Running) -> None:
    paths = served.http.get("/openapi.json").json()["paths"]
    assert {(method.upper(), path) for path, item in paths.items() for method in item} == set(
        OPERATIONS
    )
    for path in (path for path, item in paths.items() if "post" in item):
        body = paths[path]["post"]["requestBody"]["content"]["application/json"]["example"]
        assert served.post(path, body).status_code == 200, path


def test_every_route_says_how_it_may_fail(served: Running) -> None:
    found = served.http.get("/openapi.json").json()
    for item in found["paths"].values():
        for operation in item.values():
            assert operation["description"]
            schema = operation["responses"]["default"]["content"]["application/json"]["schema"]
            assert schema["$ref"].endswith("/ErrorResponse")
    assert "HTTPValidationError" not in found["components"]["schemas"]
