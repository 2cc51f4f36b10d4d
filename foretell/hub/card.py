"""The model card on the Hub: a header by huggingface_hub's `ModelCardData`, then the model's own card."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from numbers import Real
from typing import TYPE_CHECKING, Any

from foretell.artifacts.model import Model
from foretell.errors import HubError

if TYPE_CHECKING:
    from huggingface_hub import EvalResult

_TAGS = ("foretell", "lstm", "onnx")
_TASKS = {"labels": "text-classification", "words": "text-generation"}
# Key of metrics.json: the Hub's name of the metric, and its title.
_METRICS = {
    "labels": {"accuracy": ("accuracy", "Accuracy"), "macro_f1": ("f1", "Macro F1")},
    "words": {"valid_perplexity": ("perplexity", "Perplexity")},
}
# Shorter texts stand in any card by chance.
_MIN_QUOTE = 20


def hub_card(model: Model, card: str, repository: str, *, language: str | None = None) -> str:
    """Return README.md for the Hub as Markdown with a YAML header.

    Args:
        model: the model.
        card: its own card; the header of it is replaced.
        repository: "owner/name".
        language: of its texts, an ISO 639 code such as "en"; None: the header names none.

    Raises:
        HubError: the card quotes a training text.
    """
    from huggingface_hub import ModelCardData

    body = _without_header(card)
    _check_quotes(body, model.metrics)
    results = list(_results(model))
    data = ModelCardData(
        language=language,
        library_name="foretell",
        pipeline_tag=_TASKS[model.job],
        tags=list(_TAGS),
        metrics=[each.metric_type for each in results] or None,
        model_name=repository.partition("/")[2] if results else None,
        eval_results=results or None,
    )
    return f"---\n{data.to_yaml()}\n---\n\n{body.strip()}\n\n{_from_hub(model, repository)}"


def _without_header(card: str) -> str:
    header, end, body = card.partition("\n---\n")
    body = body if header.startswith("---\n") and end else card
    # The report is not pushed: it quotes texts.
    return body.replace(", curves in `run/report.html`", "")


def _from_hub(model: Model, repository: str) -> str:
    """Return the paragraph on the use from the Hub."""
    command = 'classify hf://{} "a text"' if model.job == "labels" else 'next hf://{} "some words"'
    return (
        "## From the Hub\n\nAfter `pip install 'foretell[hub]'`, wherever a model directory is accepted:\n\n"
        f"```sh\nforetell {command.format(repository)}\n```\n\n"
        f'```python\nmodel = foretell.load("hf://{repository}")\n```\n'
    )


def _results(model: Model) -> Iterator[EvalResult]:
    """Yield the figures that were measured on other texts than those that were learned from."""
    from huggingface_hub import EvalResult

    measured_on = model.metrics.get("measured_on")
    where = measured_on if isinstance(measured_on, str) else "validation texts"
    if "training" in where:
        return
    for key, (metric, title) in _METRICS[model.job].items():
        value = model.metrics.get(key)
        if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value):
            continue
        yield EvalResult(
            task_type=_TASKS[model.job],
            dataset_type="not-published",
            dataset_name=where,
            dataset_split="validation",
            metric_type=metric,
            metric_name=title,
            metric_value=round(float(value), 4),
        )


def _check_quotes(body: str, metrics: Mapping[str, Any]) -> None:
    mistakes = metrics.get("mistakes")
    shown = " ".join(body.split())
    for each in mistakes if isinstance(mistakes, list) else ():
        text = " ".join(str(each.get("text", "") if isinstance(each, dict) else each).split())
        if len(text) >= _MIN_QUOTE and text in shown:
            raise HubError(
                expected="a card that quotes no training text",
                found="one that does",
                where="README.md",
                fix="train the model again, or remove the text",
            )
