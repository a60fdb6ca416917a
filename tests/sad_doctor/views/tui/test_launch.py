from __future__ import annotations

import gc

import pytest

from sad_doctor.views.tui.app import DoctorApp
from sad_doctor.views.tui.launch import launch
from sad_doctor.views.tui.runs.replay import Replay


@pytest.fixture
def started(monkeypatch):
    """The apps that would have run; each is left at once."""
    apps = []
    monkeypatch.setattr(DoctorApp, "run", lambda app: apps.append(app))
    return apps


async def test_garbage_is_collected_again_after_the_first_screen(make, started):
    gc.enable()
    launch([make.source(make.healthy_run())], lambda _: make.healthy_report())
    (app,) = started
    assert gc.isenabled()
    gc.disable()
    async with app.run_test(size=(80, 24)) as pilot:
        await make.settled(pilot)
        assert gc.isenabled()
        assert gc.get_freeze_count() > 0
    gc.unfreeze()


def test_the_verdicts_are_on_every_open_run(make, started):
    sources = [make.source(make.healthy_run()), make.source(make.sick_run())]
    names = launch(sources, lambda run: run.name)
    assert names == ["2026-11-23-demo", "run-2-epoch-0"]
    assert started[0].open_runs.sources == sources


def test_a_replay_is_judged_whole_and_what_is_picked_is_replayed_too(make, started, tmp_path):
    lengths = launch(
        [make.source(make.healthy_run())],
        lambda run: len(run.columns),
        choices=[tmp_path],
        opener=lambda _: make.source(make.sick_run()),
        speed=20.0,
    )
    assert lengths == [len(make.healthy_run().columns)]
    app = started[0]
    assert app._label == "REPLAY 20x"
    assert isinstance(app.open_runs.sources[0], Replay)
    assert isinstance(app._opener(tmp_path), Replay)


def test_a_baseline_is_drawn_whole_and_not_judged(make, started):
    good = make.source(make.healthy_run())
    names = launch([make.source(make.sick_run())], lambda run: run.name, speed=5.0, beside=[good])
    assert names == ["run-2-epoch-0"]
    assert started[0].open_runs.sources[1] is good
