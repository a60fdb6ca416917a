import fuzz
import numpy as np
import pytest

from sad_doctor.readers import read
from sad_doctor.run import Column, Event, Run


@pytest.fixture
def caches(tmp_path, monkeypatch):
    monkeypatch.setenv("SAD_CACHE", "")
    monkeypatch.setattr(fuzz.cache, "LEAST", 1)
    monkeypatch.setattr(fuzz.kept, "LEAST", 1)
    monkeypatch.setattr(fuzz.kept, "SECONDS", 0.0)
    fuzz.every_cache(tmp_path / "cache")


@pytest.mark.usefixtures("caches")
def test_damaged_logs_and_caches_of_every_format_do_no_harm(tmp_path):
    kinds = fuzz.sources(tmp_path)
    counts, failed = fuzz.fuzz(60.0, 7, tmp_path, most=len(kinds) * 4)

    assert failed == []
    assert set(counts) == set(kinds) | {f"cache of {kind}" for kind in kinds}


def test_the_logs_that_are_made_hold_what_they_are_made_for(tmp_path):
    kinds = fuzz.sources(tmp_path)

    assert len(fuzz.runs_in(kinds["MLflow, three runs"])) == 3 * len(fuzz.runs_in(kinds["MLflow database"]))
    assert len(fuzz.runs_in(kinds["trackio, three runs"])) == 3 * len(fuzz.runs_in(kinds["trackio"]))
    for kind in ("ranks, JSON lines", "ranks, console"):
        assert any(note.startswith("3 ranks write into one log") for note in read(kinds[kind]).notes)
    assert any("the evaluation set changed" in note for note in read(kinds["evaluation sets"]).notes)


@pytest.mark.usefixtures("caches")
def test_it_sees_a_cache_that_nobody_checks(tmp_path, monkeypatch):
    log = fuzz.sources(tmp_path)["ranks, JSON lines"]
    monkeypatch.setattr(fuzz, "damaged", lambda whole, _: whole[:-1] + bytes([whole[-1] ^ 1]))
    seeds = range(6)
    assert [list(fuzz.cached(log, fuzz.random.Random(seed))) for seed in seeds] == [[]] * 6

    monkeypatch.setattr(fuzz.cache.zlib, "crc32", lambda *_: 0)
    found = [list(fuzz.cached(log, fuzz.random.Random(seed))) for seed in seeds]
    assert ["another run came out of a damaged cache"] in found


def test_it_sees_an_escape_sequence_and_an_exception(tmp_path, monkeypatch):
    column = Column(np.arange(3.0), np.ones(3))
    run = Run("a", "x", tmp_path, {"train/loss": column}, (Event("crash", "\x1b[2J"),))
    assert any("not clean" in one for one in fuzz.told(run))
    monkeypatch.setattr(fuzz, "open_log", lambda _: 1 / 0)
    assert list(fuzz.problems(tmp_path)) == ["ZeroDivisionError: division by zero"]


@pytest.mark.parametrize("size", [0, 1, 1000])
def test_anything_can_be_damaged(size):
    rng = fuzz.random.Random(1)
    assert len({fuzz.damaged(b"1" * size, rng) for _ in range(50)}) > 10
