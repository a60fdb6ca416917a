from __future__ import annotations

import gc
import weakref

from sad_doctor.views.tui.painting.garbage import YOUNG, Collector


class Ring:
    """Garbage that only a collection finds."""

    def __init__(self):
        self.self = self


def test_it_sweeps_when_nobody_is_here_and_not_all_the_time():
    now = [0.0]
    collector = Collector(lambda: now[0])
    ring = weakref.ref(Ring())
    gc.collect(0)  # not the cause of what follows
    kept = weakref.ref(other := Ring())
    del other

    assert not collector.sweep()
    now[0] = 30.0
    collector.touch()
    now[0] = 31.0
    assert not collector.sweep()
    now[0] = 33.0
    assert collector.sweep()
    assert ring() is kept() is None
    now[0] = 40.0
    assert not collector.sweep()
    now[0] = 54.0
    assert collector.sweep()


def test_in_a_pause_between_keys_what_has_lived_a_while_is_collected(monkeypatch):
    now, collected = [0.0], []
    collector = Collector(lambda: now[0])
    monkeypatch.setattr(gc, "collect", lambda *told: collected.append(told))
    counts = [0, 0, 0]
    monkeypatch.setattr(gc, "get_count", lambda: tuple(counts))
    now[0] = 1.0
    assert collector.resting
    assert not collector.sweep()
    assert not collected  # there is nothing to collect
    counts[1] = 50
    collector.touch()
    assert not collector.resting
    assert not collector.sweep()
    assert not collected  # somebody is typing
    now[0] = 1.5
    assert not collector.sweep()
    assert collected == [(1,)]


def test_a_key_never_waits_for_a_full_collection():
    full = []
    gc.callbacks.append(watch := lambda _, told: full.append(told) if told["generation"] > 0 else None)
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()  # a heap full of what lives long is seldom collected whole
    full.clear()
    try:
        gc.set_threshold(*YOUNG)
        held = [[] for _ in range(300_000)]
        assert full == []
        gc.set_threshold(700, 10, 10)
        held += [[] for _ in range(300_000)]
        assert full
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)
        gc.callbacks.remove(watch)


async def test_keys_and_the_mouse_are_noticed(make):
    app, _ = make.dashboard(make.healthy_run(), make.healthy_report())
    touched = []
    app.collector.touch = lambda: touched.append(1)
    async with app.run_test(size=(80, 24)) as pilot:
        await make.settled(pilot)
        assert not touched
        await pilot.press("tab")
        assert touched
