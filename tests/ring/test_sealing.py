"""Seals: what is opened is what was closed, in the same order, and everything else is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foretell.ring.sealing import KEY_BYTES, TAG_BYTES, Seal, bytes_of

KEY = bytes(range(KEY_BYTES))


@given(st.lists(st.tuples(st.binary(max_size=200), st.binary(max_size=20)), max_size=5))
def test_what_is_opened_is_what_was_closed(messages: list[tuple[bytes, bytes]]) -> None:
    closing, opening = Seal(KEY), Seal(KEY)
    for data, about in messages:
        sealed, into = closing.closed(data, about), bytearray(len(data))
        assert len(sealed) == len(data) + TAG_BYTES
        assert opening.opened(sealed, into, about)
        assert into == data


@given(st.binary(min_size=1, max_size=50), st.integers(0), st.integers(0, 7))
def test_a_changed_bit_is_refused(data: bytes, place: int, bit: int) -> None:
    sealed = Seal(KEY).closed(data)
    sealed[place % len(sealed)] ^= 1 << bit
    assert not Seal(KEY).opened(sealed, bytearray(len(data)))


def test_another_key_number_or_beginning_is_refused() -> None:
    closing, opening = Seal(KEY), Seal(KEY)
    first, second = closing.closed(b"text", b"a"), closing.closed(b"text", b"a")
    assert first != second
    into = bytearray(4)
    assert not Seal(bytes(KEY_BYTES)).opened(first, into, b"a")
    assert not Seal(KEY).opened(first, into, b"b")
    assert not Seal(KEY).opened(second, into, b"a"), "left out"
    assert opening.opened(first, into, b"a")
    assert not opening.opened(first, into, b"a"), "repeated"


@pytest.mark.parametrize("shape", [(0,), (3, 2), ()])
def test_the_bytes_of_an_array_are_its_memory(shape: tuple[int, ...]) -> None:
    array = np.zeros(shape, np.float32)
    view = bytes_of(array)
    assert len(view) == array.nbytes
    view[:] = b"\1" * len(view)
    assert array.tobytes() == b"\1" * array.nbytes
