"""Two small models, and one server of them and one browser for each module that asks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from page_workplace import chromium, new_page, visited
from playwright.sync_api import Browser, Page
from service_workplace import REVIEWS, Running, running, write_labels, write_words

from foretell.annotation.annotation import Annotation
from foretell.runtime.labels.classifier import LabelsRuntime
from foretell.service.limits import Limits

NARROW = Limits(body=20_000, texts=10, characters=1_000, tokens=50, queue=12)


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("served")
    reviews = write_labels(folder / "reviews")
    probabilities = LabelsRuntime(reviews).predict_proba(REVIEWS)
    assert set(probabilities.argmax(axis=1)) == {0, 1}
    return reviews, write_words(folder / "notes")


@pytest.fixture(scope="module")
def served(models: tuple[Path, Path]) -> Iterator[Running]:
    with running(*models) as it:
        yield it


@pytest.fixture(scope="module")
def labelling(annotation: Annotation) -> Iterator[Running]:
    """A service that has only the texts to label of a module's fixture `annotation`."""
    with running(annotation=annotation) as it:
        yield it


@pytest.fixture
def from_the_start(annotation: Annotation) -> None:
    """Undo the answers of earlier tests."""
    while annotation.answers:
        annotation.undo(by=annotation.answers[-1].by)


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Check the model directories many times a second."""
    monkeypatch.setattr("foretell.service.models.CHECK_SECONDS", 0.02)


@pytest.fixture(scope="module")
def narrow(models: tuple[Path, Path]) -> Iterator[Running]:
    with running(*models, limits=NARROW) as it:
        yield it


@pytest.fixture(scope="module")
def impatient(models: tuple[Path, Path]) -> Iterator[Running]:
    """A service of its own: what no test waits for must not be late on a busy machine."""
    with running(*models, limits=Limits(seconds=0.5)) as it:
        yield it


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium for the tests of a module; a Playwright that runs would be in the way of others."""
    with chromium() as it:
        yield it


@pytest.fixture(scope="module")
def tab(browser: Browser) -> Iterator[Page]:
    """A page that the tests of a module share: a new one for each would take a second."""
    with new_page(browser) as it:
        yield it


@pytest.fixture
def page(tab: Page, served: Running) -> Iterator[Page]:
    """The view for words, once it shows next words; modules with other needs have a page of their
    own.
    """
    with visited(tab, f"{served.url}/#words") as it:
        it.wait_for_selector(".choices button")
        yield it
