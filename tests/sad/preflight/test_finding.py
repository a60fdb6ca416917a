from __future__ import annotations

from sad.preflight.finding import ORDER, Finding, Level, judged, off


def test_what_is_wrong_bears_its_mend_and_what_is_fine_bears_none() -> None:
    more = {"advice": "do this", "edits": {"train.clip": 1.0}, "numbers": {"n": 1.0}}
    assert judged("t", True, "good", "bad", **more) == Finding("t", Level.WRONG, "bad", **more)
    assert judged("t", False, "good", "bad", **more) == Finding("t", Level.FINE, "good", numbers={"n": 1.0})


def test_wrong_is_told_first_and_every_level_once() -> None:
    assert ORDER[0] is Level.WRONG
    assert sorted(ORDER) == sorted(Level)


def test_an_error_is_a_share_of_what_is_right() -> None:
    assert off(3.0, -2.0) == 2.5
    assert off(0.0, 0.0) == 0.0
    assert off(1.0, 0.0) > 1e6
