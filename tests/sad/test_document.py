"""Ranges of a document lie in it, in order."""

from __future__ import annotations

import pytest

from sad.document import Document


def test_a_document_is_learned_whole_if_nothing_is_said() -> None:
    assert Document("abc") == Document("abc", None)


@pytest.mark.parametrize("learned", [(), ((0, 4),), ((0, 1), (1, 4)), ((2, 3),)])
def test_ranges_are_of_bytes(learned: tuple[tuple[int, int], ...]) -> None:
    # three characters, four bytes
    assert Document("abü", learned).learned == learned


@pytest.mark.parametrize("learned", [((0, 5),), ((2, 1),), ((1, 1),), ((0, 3), (2, 4)), ((-1, 2),), ((2, 3), (0, 1))])
def test_what_is_no_range_of_the_text_is_refused(learned: tuple[tuple[int, int], ...]) -> None:
    with pytest.raises(ValueError, match="of 4 bytes"):
        Document("abü", learned)
