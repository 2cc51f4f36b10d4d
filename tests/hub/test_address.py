"""Addresses on the Hub: what is one, and what leads nowhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from foretell.errors import UsageError
from foretell.hub.client import Address, address_of, is_address, parse

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("hf://ada/reviews", Address("ada/reviews")),
        ("hf://ada/re.views_2-a@v1.0", Address("ada/re.views_2-a", "v1.0")),
        ("hf://ada/reviews@refs/pr/3", Address("ada/reviews", "refs/pr/3")),
        (f"hf://ada/reviews@{COMMIT}", Address("ada/reviews", COMMIT)),
    ],
)
def test_an_address_and_back(text: str, address: Address) -> None:
    assert parse(text) == address
    assert str(address) == text


@pytest.mark.parametrize(
    "text",
    [
        "hf://",
        "hf://ada",
        "hf://ada/reviews/config.json",
        "hf://ada/reviews@",
        "hf://../reviews",
        "hf://ada/a--b",
        "hf://ada/reviews@../../../etc/cron.d/x",
        "hf://ada/reviews@/etc/passwd",
        "hf://ada/re views",
        "hf://ada/reviews\n",
        "reviews-model",
    ],
)
def test_what_is_none(text: str) -> None:
    with pytest.raises(UsageError, match="hf://owner/name"):
        parse(text)


def test_only_text_is_an_address() -> None:
    assert is_address("hf://x")
    assert not is_address("reviews-model")
    assert not is_address(Path("hf:/x"))


def test_the_address_of_a_directory_in_the_cache() -> None:
    folder = Path("/c/hub/models--ada--reviews/snapshots")
    assert address_of(folder / COMMIT) == Address("ada/reviews", COMMIT)
    for other in (folder / "main", Path("reviews-model"), Path("/"), None, Path(f"/a/snapshots/{COMMIT}")):
        assert address_of(other) is None
