"""The pool: different texts, near-duplicates, and the texts that are reserved by a random draw."""

from __future__ import annotations

import numpy as np
import pytest
from annotation.tickets import tickets

from foretell.annotation import pool as module
from foretell.annotation.pool import Pool
from foretell.errors import DataError


def test_equal_texts_count_once_and_near_duplicates_are_known() -> None:
    base = "the printer on the second floor does not print any more, please help us with it today"
    pool = Pool(["other text about a bank", base, base.upper(), f"{base}!", "  other  text about a bank"])
    assert pool.texts == ["other text about a bank", base, f"{base}!"]
    assert pool.is_repeat.tolist() == [False, False, True]
    assert pool.notes == ["1 near-duplicate of other texts is not shown"]
    assert pool.place(base.title()) == 1


def test_a_quarter_is_reserved_whatever_the_order() -> None:
    texts = tickets(200)
    pool, reverse = Pool(texts, 5), Pool(texts[::-1], 5)
    assert len(pool.drawn) == 50
    assert [pool.texts[i] for i in pool.drawn] == [reverse.texts[i] for i in reverse.drawn]
    assert set(np.flatnonzero(pool.reserved)) == set(pool.drawn)
    other = Pool(texts, 6)
    assert set(other.drawn.tolist()) != set(pool.drawn.tolist())


def test_more_texts_change_the_draw_little() -> None:
    texts = tickets(400)
    before, after = Pool(texts[:300], 1), Pool(texts, 1)
    reserved = {before.texts[i] for i in before.drawn}
    still = {after.texts[i] for i in after.drawn}
    assert len(reserved & still) > 0.8 * len(reserved)


def test_a_near_duplicate_of_a_reserved_text_is_reserved_too() -> None:
    texts = [f"{text} and much more about it, as everybody here knows" for text in tickets(40)]
    pool = Pool([*texts, *(f"{text}!" for text in texts)], 2)
    assert pool.is_repeat.sum() == 40
    assert pool.reserved[:40].tolist() == pool.reserved[40:].tolist()
    assert len(pool.drawn) == 10


def test_of_many_texts_some_are_drawn_but_answered_ones_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_TEXTS", 20)
    texts = tickets(100)
    left_out = next(text for text in texts if text not in Pool(texts).texts)
    pool = Pool(texts, answered=[left_out])
    assert len(pool) == 21
    assert left_out in pool.texts
    assert pool.notes[0] == "21 of 100 different texts can be labelled, drawn at random"


def test_other_texts_than_the_answered_ones_are_one_line() -> None:
    with pytest.raises(DataError, match="the texts that the answers are about, found 2 answered texts"):
        Pool(tickets(5), answered=["one", "two", tickets(5)[0]])
    with pytest.raises(DataError, match="texts to label, found none"):
        Pool([])
    with pytest.raises(DataError):
        Pool(["a"]).place("b")
