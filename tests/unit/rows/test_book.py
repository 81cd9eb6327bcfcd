"""The book of claims."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.rows import book as book_module
from exporter.rows.book import EXPIRY_SECONDS, MAX_PARTS, ClaimBook
from exporter.rows.claim import Claim, Source, TryId

ONE = TryId("d", "t", "r", -1, 1)
TWO = TryId("d", "t", "r", -1, 2)


def explicit(rows: int | None = None, **more: object) -> Claim:
    return Claim(Source.EXPLICIT, rows=rows, **more)  # type: ignore[arg-type]


def test_a_try_has_what_was_claimed_of_it() -> None:
    book = ClaimBook()
    assert book.of(ONE) == ()
    assert book.put(ONE, [explicit(5), explicit(7, stage="gold")], "success", 1.0)
    assert book.put(ONE, [explicit(bytes=3)], None, 2.0)
    assert book.of(ONE) == (explicit(5, bytes=3), explicit(7, stage="gold"))
    assert (book.ids(), book.states(), len(book)) == ([ONE], {ONE: "success"}, 2)


_CLAIMS = st.builds(
    Claim,
    st.sampled_from(Source),
    stage=st.sampled_from([None, "gold"]),
    rows=st.none() | st.integers(0, 9),
    bytes=st.none() | st.integers(0, 9),
)


@given(st.lists(_CLAIMS, max_size=5))
def test_neither_order_nor_repetition_of_claims_matters(claims: list[Claim]) -> None:
    books = []
    for order in list(permutations(claims))[:24]:
        book = ClaimBook()
        for claim in (*order, *claims):
            book.put(ONE, [claim], None, 0.0)
        books.append(set(book.of(ONE)))
    assert all(each == books[0] for each in books)


def test_a_full_book_takes_nothing_of_a_push(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(book_module, "MAX_CLAIMS", 3)
    book = ClaimBook()
    assert book.put(ONE, [explicit(1), explicit(2, stage="gold")], None, 0.0)
    assert not book.put(TWO, [explicit(1), explicit(2, stage="gold")], None, 0.0)
    assert (len(book), book.of(TWO)) == (2, ())
    assert book.put(ONE, [explicit(9), explicit(9, stage="gold")], None, 0.0)  # no more claims
    book.drop({ONE: book.of(ONE)})
    assert len(book) == 0
    assert book.put(TWO, [explicit(1), explicit(2, stage="gold")], None, 0.0)


def test_long_names_fill_the_book_before_many_claims_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(book_module, "MAX_LENGTH", 1000)
    smiling = [explicit(1, stage="\U0001f600" * 30)]  # twelve characters each in the ledger
    book = ClaimBook()
    assert book.put(ONE, smiling, None, 0.0)
    assert book.put(ONE, smiling, None, 0.0)
    assert book.put(TWO, smiling, None, 0.0)
    three = ONE._replace(run_id="another")
    for each in (book, ClaimBook(book.checkpoint().everything())):
        assert not each.put(three, smiling, None, 0.0)
        each.drop({ONE: each.of(ONE)})
        assert each.put(three, smiling, None, 0.0)
        assert not each.put(ONE, smiling, None, 0.0)


def test_a_try_takes_so_many_parts_and_no_more() -> None:
    book = ClaimBook()
    parts = [explicit(1, stage=str(number)) for number in range(MAX_PARTS)]
    assert book.put(ONE, parts, None, 0.0)
    assert not book.put(ONE, [explicit(1)], None, 0.0)
    assert len(book) == MAX_PARTS


def test_claims_that_grew_since_they_were_used_stay() -> None:
    book = ClaimBook()
    book.put(ONE, [explicit(1)], None, 0.0)
    used = book.of(ONE)
    book.put(ONE, [explicit(2)], None, 0.0)
    book.drop({ONE: used})
    assert book.of(ONE) == (explicit(2),)
    book.drop({ONE: book.of(ONE)})
    assert book.of(ONE) == ()


def test_a_claim_on_a_try_that_nobody_counts_expires() -> None:
    book = ClaimBook()
    book.put(ONE, [explicit(1)], None, 0.0)
    book.put(TWO, [explicit(1)], None, 10.0)
    book.put(ONE, [explicit(2)], None, 20.0)  # a later claim does not make it younger
    book.expire(EXPIRY_SECONDS + 1.0)
    assert (book.ids(), len(book)) == ([TWO], 1)


def test_a_checkpoint_says_what_changed_and_restores_the_book() -> None:
    book = ClaimBook()
    book.put(ONE, [explicit(1, pipeline="ü", seconds=1.5)], "success", 1.0)
    book.put(TWO, [Claim(Source.DBT, rows=2)], None, 2.0)
    entries = dict(book.checkpoint().put)
    assert not book.checkpoint().put
    book.put(TWO, [Claim(Source.DBT, rows=2)], None, 3.0)  # says nothing new
    assert not book.checkpoint().put
    restored = ClaimBook(entries)
    assert (restored.of(ONE), restored.states(), len(restored)) == (book.of(ONE), book.states(), 2)
    restored.drop({ONE: restored.of(ONE)})
    change = restored.checkpoint()
    assert list(change.drop) == [key for key in entries if key not in change.everything()]
    assert list(ClaimBook(change.everything()).ids()) == [TWO]


@pytest.mark.parametrize("states", [*permutations(["success", "failed", None])])
def test_the_order_in_which_states_are_told_does_not_matter(states: tuple[str | None, ...]) -> None:
    book = ClaimBook()
    for state in states:
        assert book.put(ONE, [Claim(Source.EXPLICIT, rows=5)], state, 0.0)
    assert book.states() == {ONE: "failed"}
