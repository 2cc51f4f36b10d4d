"""Downloads from the Hub end at their limits."""

from __future__ import annotations

import time

import pytest
from huggingface_hub import constants

from foretell.data.examples import read_examples
from foretell.errors import HubError
from foretell.hub import client
from tests.hub.stand_in import Hub

ADDRESS = "hf://datasets/ada/tickets/data.csv"
MAX_SECONDS = 10


@pytest.fixture
def tickets(hub: Hub) -> Hub:
    """A data set whose file has 3,000 bytes, as the Hub announces."""
    lines = [f"good {i},pos" if i % 2 else f"bad {i},neg" for i in range(240)]
    hub.add("datasets/ada/tickets", {"data.csv": "\n".join(["text,label", *lines]).encode()})
    return hub


def test_a_file_that_never_ends_is_given_up_at_the_announced_size(
    tickets: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 1000)
    tickets.endless = True
    begin = time.monotonic()
    with pytest.raises(HubError, match="more bytes than announced"):
        read_examples(ADDRESS)
    assert time.monotonic() - begin < MAX_SECONDS
    tickets.endless = False
    assert len(read_examples(ADDRESS)) == 240


def test_a_file_that_drips_is_given_up_at_the_time_limit(
    tickets: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    tickets.endless = True
    tickets.wait = 0.2
    monkeypatch.setattr(client, "MAX_SECONDS", 0.3)
    begin = time.monotonic()
    with pytest.raises(HubError, match=r"not complete after 0\.3 seconds"):
        read_examples(ADDRESS)
    assert time.monotonic() - begin < MAX_SECONDS


def test_larger_files_are_refused_before_the_download(
    tickets: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "MAX_BYTES", 1000)
    with pytest.raises(HubError, match=r"expected files of at most .* bytes; download it with"):
        read_examples(ADDRESS)
    assert not tickets.downloads()
