"""A log that takes long is opened from what was kept of it, if it still is what was read."""

import os
import shutil
import time

import pytest

from sad_doctor.readers import cache, kept, open_log, read, settle
from sad_doctor.readers.kept import Kept
from sad_doctor.readers.renamed import Named

LOGS = {
    "csv": "runs/metrics.csv",
    "console": "runs/run2.log",
    "state": "runs/trainer_state.json",
    "events": "foreign/tensorboard",
    "wandb": "foreign/run-foreign.wandb",
}


@pytest.fixture(autouse=True)
def cached(tmp_path, monkeypatch):
    """Even the shortest log is worth a cache here."""
    monkeypatch.setenv("SAD_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(kept, "LEAST", 1)
    monkeypatch.setattr(kept, "SECONDS", -1.0)
    return tmp_path / "cache" / "doctor"


@pytest.fixture(params=LOGS)
def log(request, runs, tmp_path):
    path = runs.parent / LOGS[request.param]
    copy = tmp_path / path.name
    return shutil.copytree(path, copy) if path.is_dir() else shutil.copy(path, copy)


def files(log):
    return sorted(log.iterdir()) if log.is_dir() else [log]


def uncached(log, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(kept, "LEAST", 1 << 40)
        return read(log)


def from_cache(log):
    """The run and whether it came from the cache."""
    source = open_log(log)
    source.poll()
    settle(source)
    while isinstance(source, Named):
        source = source.source
    assert isinstance(source, Kept)
    return source.run(), source._known is not None


def test_a_second_opening_tells_the_same_and_reads_nothing(log, same, monkeypatch):
    expected = uncached(log, monkeypatch)
    first, known = from_cache(log)
    assert not known
    again, known = from_cache(log)
    assert known
    for run in (first, again):
        same(run, expected)
        assert run.path == expected.path


@pytest.mark.parametrize("change", ["touched", "grown", "cut", "replaced"])
def test_a_log_that_changed_is_read_again(log, change, same, monkeypatch):
    from_cache(log)
    one = files(log)[-1]
    before = one.stat()
    data = one.read_bytes()
    if change == "touched":
        os.utime(one, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    elif change == "grown":
        one.write_bytes(data + data[-40:])
    elif change == "cut":
        one.write_bytes(data[: len(data) // 2])
    else:
        # other bytes in the same file, with its size and its time
        with one.open("r+b") as file:
            file.write(data.replace(b"2", b"3"))
        os.utime(one, ns=(before.st_atime_ns, before.st_mtime_ns))
    run, known = from_cache(log)
    assert not known
    same(run, uncached(log, monkeypatch))


def test_what_comes_after_it_is_followed(runs, write, same, monkeypatch):
    log = write("a.csv", (runs / "metrics.csv").read_bytes())
    from_cache(log)
    source = open_log(log)
    assert source.poll()
    first = source.run()
    assert not source.poll()
    assert source.run() is first
    with log.open("a") as file:
        file.write(log.read_text().splitlines()[-1] + "\n")
    assert source.poll()
    same(source.run(), uncached(log, monkeypatch))


def test_a_line_without_its_end_is_not_kept(write, cached):
    log = write("a.csv", "step,loss\n" + "".join(f"{n},1.5\n" for n in range(30)) + "30,1.5")
    assert read(log).last_step == 30
    assert not cached.exists()


@pytest.mark.parametrize("damage", range(0, 100, 7))
def test_a_broken_cache_is_done_without(damage, runs, write, cached, same, monkeypatch):
    log = write("a.log", (runs / "run2.log").read_bytes())
    from_cache(log)
    (place,) = cached.iterdir()
    data = bytearray(place.read_bytes())
    at = len(data) * damage // 100
    place.write_bytes(data[:at] if damage % 2 else data[:at] + bytes([data[at] ^ 0x55]) + data[at + 1 :])
    run, known = from_cache(log)
    assert not known
    same(run, uncached(log, monkeypatch))


def test_other_readers_keep_other_runs(runs, write, monkeypatch):
    log = write("a.log", (runs / "run2.log").read_bytes())
    from_cache(log)
    monkeypatch.setattr(kept, "_version", lambda: "another")
    assert not from_cache(log)[1]


def test_a_place_that_cannot_be_written_is_done_without(runs, write, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SAD_CACHE", str(tmp_path / "file"))
    log = write("a.log", (runs / "run2.log").read_bytes())
    assert from_cache(log)[0].columns.keys() == from_cache(log)[0].columns.keys()


def test_what_is_quick_to_read_is_not_kept(runs, write, cached, monkeypatch):
    monkeypatch.setattr(kept, "SECONDS", 1e9)
    read(write("a.log", (runs / "run2.log").read_bytes()))
    assert not cached.exists()
    monkeypatch.setattr(kept, "LEAST", 1 << 40)
    assert not isinstance(open_log(write("b.csv", (runs / "metrics.csv").read_bytes())), Kept)


def test_all_caches_together_have_a_bound(runs, write, cached, monkeypatch):
    for number in range(6):
        read(write(f"{number}.log", (runs / "run2.log").read_bytes()))
        time.sleep(0.002)
    sizes = [one.stat().st_size for one in cached.iterdir()]
    assert len(sizes) == 6
    old = cached / ".old.1.tmp"
    old.write_text("")
    os.utime(old, (1e9, 1e9))
    (cached / ".new.1.tmp").write_text("")
    monkeypatch.setattr(cache, "MOST_BYTES", 3 * max(sizes))
    read(write("6.log", (runs / "run2.log").read_bytes()))
    left = [one for one in cached.iterdir() if one.suffix != ".tmp"]
    assert 2 <= len(left) <= 3
    assert from_cache(write("6.log", (runs / "run2.log").read_bytes()))[0].name == "6.log"
    assert [one.name for one in cached.iterdir() if one.suffix == ".tmp"] == [".new.1.tmp"]


@pytest.mark.parametrize("step", ["3", True, [1]])
def test_an_event_of_a_cache_whose_step_is_no_number_is_not_believed(step, runs, write, same, monkeypatch):
    log = write("a.log", (runs / "run2.log").read_bytes())
    from_cache(log)
    loads = cache.load_whole

    def broken(*asked):
        state, columns = loads(*asked)
        return state | {"events": [["warning", "a text", step, None]]}, columns

    monkeypatch.setattr(cache, "load_whole", broken)
    run, known = from_cache(log)
    assert not known
    same(run, uncached(log, monkeypatch))
