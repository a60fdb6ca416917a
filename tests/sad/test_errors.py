from __future__ import annotations

from sad.errors import MOST, listed


def test_a_short_list_is_whole_and_in_its_order() -> None:
    assert listed(["b", "a"]) == "b, a"
    assert listed([]) == ""
    assert listed([str(i) for i in range(MOST)]).count(",") == MOST - 1


def test_of_a_long_list_the_nearest_come_first_and_the_rest_is_counted() -> None:
    told = listed([*(f"field{i}" for i in range(30)), "Text", "texts"], "text")
    assert told.startswith("Text, texts, ")
    assert told.endswith(f" and {32 - MOST} more")
    assert len(told.removesuffix(f" and {32 - MOST} more").split(", ")) == MOST
