"""A part that does not end is ended."""

from __future__ import annotations

import threading

import pytest

from sad.judge.cuts import limited as of
from sad.judge.cuts.limited import ending, limited, of_a_part
from sad.judge.stand_in import NeedsAdapterError
from sad.verdict import Cause, Standing, Verdict


def forever():
    while True:
        pass


def test_what_does_not_end_raises_and_what_ends_is_left_alone():
    with pytest.raises(NeedsAdapterError, match="does not end"), limited(0.05):
        forever()
    with limited(0.05):
        pass


def test_a_check_is_ended_likewise_and_gives_back_what_it_found(monkeypatch):
    monkeypatch.setattr(of, "SECONDS", 0.05)
    assert ending(lambda: 3)() == 3
    with pytest.raises(NeedsAdapterError, match="does not end"):
        ending(forever)()


def test_in_another_thread_there_is_no_timer():
    seen = []

    def inside():
        with limited(0.01):
            seen.append(1)

    thread = threading.Thread(target=inside)
    thread.start()
    thread.join()
    assert seen == [1]


def test_what_is_right_for_some_texts_is_allowed_in_a_part_and_what_is_right_for_none_is_not():
    uneven = of_a_part(lambda: Verdict(False, "a mean of means", cause=Cause.UNEVEN))()
    assert uneven.standing is Standing.ALLOWED
    assert uneven.says == "a mean of means; what gives its texts is left out"
    assert of_a_part(lambda: Verdict(False, "8 times as long"))().standing is Standing.BROKEN
