"""What Prometheus is told: requests, texts, batches, the line, words written. No label is a user's text."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)
_TEXTS = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Metrics:
    """The figures of one service, in a registry of their own."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self.requests = Counter(
            "foretell_requests", "Requests answered.", ["route", "method", "status"], registry=registry
        )
        self.seconds = Histogram(
            "foretell_request_seconds", "From the request's head to the answer's end.", ["route"],
            buckets=_SECONDS, registry=registry,
        )  # fmt: skip
        self.texts = Counter("foretell_texts", "Texts answered.", ["model", "verb"], registry=registry)
        self.batches = Histogram(
            "foretell_batch_texts", "Texts in a batch.", ["model", "verb"], buckets=_TEXTS, registry=registry
        )
        self.words = Counter("foretell_words_written", "Words of completions.", ["model"], registry=registry)
        self.waiting = Gauge("foretell_texts_waiting", "Texts that wait for an answer.", registry=registry)
        self.stale = Gauge(
            "foretell_model_stale", "1: the model's files have vanished or changed badly.", ["model"],
            registry=registry,
        )  # fmt: skip
        self.loads = Counter(
            "foretell_model_loads", "Times a model was opened.", ["model"], registry=registry
        )

    def text(self) -> bytes:
        """Return all figures in Prometheus's text format."""
        return bytes(generate_latest(self._registry))
