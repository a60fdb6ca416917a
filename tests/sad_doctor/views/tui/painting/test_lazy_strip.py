from __future__ import annotations

import pytest
from rich.segment import Segment
from rich.style import Style
from textual.cache import FIFOCache
from textual.color import Color
from textual.filter import Monochrome
from textual.strip import Strip

from sad_doctor.views.tui.painting.lazy_strip import _CACHES, LazyStrip

PIECES = [Segment("abc", Style(color="red")), Segment("déf ", Style(bold=True))]


@pytest.mark.parametrize(
    "ask",
    [
        lambda strip: strip.divide([2, 5, 7]),
        lambda strip: strip.crop(1, 4),
        lambda strip: strip.crop_extend(2, 9, None),
        lambda strip: strip.adjust_cell_length(9),
        lambda strip: strip.apply_style(Style(bgcolor="blue")),
        lambda strip: strip.apply_filter(Monochrome(), Color(0, 0, 0)),
        lambda strip: strip.apply_offsets(0, 3),
        lambda strip: (strip.text, strip.cell_length, strip.cell_count, strip.link_ids),
    ],
)
def test_it_answers_as_a_strip_does_the_first_time_and_from_its_cache(ask):
    row, strip = LazyStrip(PIECES, 7), Strip(PIECES, 7)
    assert ask(row) == ask(strip) == ask(row)


def test_its_caches_are_those_of_a_strip_and_are_made_when_they_are_wanted():
    strip = Strip(PIECES)
    told = {
        slot: getattr(strip, slot)._maxsize for slot in Strip.__slots__ if slot.endswith("_cache") and slot[1] != "r"
    }
    assert told == _CACHES
    row = LazyStrip(PIECES, 7)
    with pytest.raises(AttributeError):
        Strip.__dict__["_divide_cache"].__get__(row)
    assert isinstance(row._divide_cache, FIFOCache)
    assert row._divide_cache is row._divide_cache
    with pytest.raises(AttributeError, match="_another"):
        _ = row._another
