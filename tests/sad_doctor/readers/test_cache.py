import json
import os
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sad_doctor.readers import cache, read
from sad_doctor.readers.cached_rows import CachedRows
from sad_doctor.readers.jsonl import JsonlLog
from sad_doctor.readers.run_folder import RunFolder
from sad_doctor.readers.tail import Lines, Pace


def line(step: int, **more: object) -> str:
    return json.dumps({"step": step, "loss": 1 / (step + 1), "Val-PPL": 3.0, **more}) + "\n"


@pytest.fixture(autouse=True)
def cached(tmp_path, monkeypatch):
    """Even the shortest log is worth a cache here."""
    monkeypatch.setenv("SAD_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(cache, "LEAST", 1)
    return tmp_path / "cache" / "doctor"


@pytest.fixture
def log(write):
    return write("a.jsonl", "".join(line(step, note=None, lr="") for step in range(50)) + "junk\n")


def uncached(path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(cache, "LEAST", 1 << 40)
        return read(path)


def reads(monkeypatch) -> list[int]:
    """Collects the sizes of what is read of the log after its cache."""
    seen: list[int] = []
    feed = Lines.feed
    monkeypatch.setattr(Lines, "feed", lambda self, chunk: (seen.append(len(chunk)), feed(self, chunk))[1])
    return seen


@pytest.mark.parametrize("more", ["", line(50, lr=None), line(3) + line(4, new=1.0), "junk\n" + line(50)[:9]])
def test_a_second_opening_tells_the_same_and_reads_only_what_is_new(log, more, same, monkeypatch):
    read(log)
    with log.open("a") as file:
        file.write(more)
    expected = uncached(log, monkeypatch)
    seen = reads(monkeypatch)
    same(read(log), expected)
    assert sum(seen) == len(more)


def test_what_comes_after_it_is_followed(log, same, monkeypatch):
    read(log)
    source = JsonlLog(log)
    assert source.poll()
    shown = source.run().columns["train/loss"]
    before = shown.value.copy()
    for step in range(50, 80):
        with log.open("a") as file:
            file.write(line(step))
        assert source.poll()
    same(source.run(), uncached(log, monkeypatch))
    assert (shown.value == before).all()


def test_a_run_folder_that_is_resumed_goes_back_over_its_cache(tmp_path, monkeypatch):
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "run.json").write_text("{}")
    (folder / "metrics.jsonl").write_text("".join(line(step) for step in range(50)))
    RunFolder(folder).poll()
    with (folder / "metrics.jsonl").open("a") as file:
        file.writelines(line(step, more=1.0) for step in range(20, 30))
    expected, seen = uncached(folder, monkeypatch), reads(monkeypatch)
    found = read(folder)
    assert found.columns["train/loss"].step.tolist() == list(range(30))
    assert 0 < sum(seen) < 1000
    for name, column in expected.columns.items():
        assert column.value.tolist() == found.columns[name].value.tolist()


@pytest.mark.parametrize("place", [0, 1000, -30])
def test_a_log_that_was_edited_and_grew_is_read_whole(log, place, monkeypatch):
    read(log)
    data = bytearray(log.read_bytes())
    at = data.index(b'"loss"', place % len(data) - 60 if place < 0 else place)
    data[at + 1 : at + 5] = b"kd_l"
    data += line(50).encode()
    with log.open("rb+") as file:
        file.write(data)
    seen = reads(monkeypatch)
    found = read(log)
    assert sum(seen) == len(data)
    assert found.columns["kd_l"].value.size == 1


def test_a_log_with_another_time_and_the_same_size_is_read_whole(log, monkeypatch):
    read(log)
    os.utime(log, ns=(1, 1))
    seen = reads(monkeypatch)
    read(log)
    assert sum(seen) == log.stat().st_size


def test_the_cache_is_private_and_makes_room(cached, write, monkeypatch):
    monkeypatch.setattr(cache, "_MOST_FILES", 2)
    for name in "abc":
        read(write(f"{name}.jsonl", line(1)))
    files = list(cached.iterdir())
    assert len(files) == 2
    assert {one.stat().st_mode & 0o777 for one in files} == {0o600}


def test_a_folder_that_cannot_be_made_is_done_without(log, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SAD_CACHE", str(tmp_path / "file"))
    assert len(read(log).columns["train/loss"]) == 50


FORGED = (b"-1", b"99", b"1e9", b"null", b'"\\u001b[2J"', b"[[", b"{}", b"true", b"NaN")


def signed(head: bytes, text: bytes, rest: bytes) -> bytes:
    """A cache whose checksum is right, whatever is in it."""
    return head[:10] + struct.pack("<HII", cache._VERSION, len(text), zlib.crc32(rest, zlib.crc32(text))) + text + rest


@given(data=st.data())
def test_a_cache_that_is_damaged_or_forged_is_not_believed(data, tmp_path_factory, same):
    folder = tmp_path_factory.mktemp("forged")
    log = folder / "a.jsonl"
    log.write_text("".join(line(step, lr="") for step in range(12)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SAD_CACHE", str(folder / "cache"))
        patch.setattr(cache, "LEAST", 1)
        expected = read(log)
        (kept,) = (folder / "cache" / "doctor").iterdir()
        found = kept.read_bytes()
        if data.draw(st.booleans()):
            at = data.draw(st.integers(0, len(found) - 1))
            kept.write_bytes(found[:at] + data.draw(st.binary(max_size=9)) + found[at + data.draw(st.integers(0, 9)) :])
            same(read(log), expected)
        else:
            size = struct.unpack_from("<I", found, 12)[0]
            text, rest = found[20 : 20 + size], found[20 + size :]
            old = data.draw(st.sampled_from([b"0", b"1", b"12", b"[", b'"train/loss"', b'"targets"', b"false", b"{"]))
            new = data.draw(st.sampled_from(FORGED))
            kept.write_bytes(signed(found, text.replace(old, new, data.draw(st.integers(1, 3))), rest))
            assert not any("\x1b" in name for name in read(log).columns)


def test_a_cache_of_another_version_is_not_read(log, cached):
    read(log)
    (kept,) = cached.iterdir()
    data = bytearray(kept.read_bytes())
    data[10] += 1
    kept.write_bytes(data)
    assert cache.load(log, "rows, all kept") is None


def test_rows_are_kept_only_when_the_end_is_reached(log, cached):
    with log.open("a") as file:
        file.write('{"step": 50,')
    CachedRows(log, Pace()).poll()
    assert not cached.exists()
    with log.open("a") as file:
        file.write('"loss": 1}\n')
    CachedRows(log, Pace()).poll()
    assert len(list(cached.iterdir())) == 1


@pytest.mark.parametrize("place", [30, -1, -100])
def test_a_cache_of_which_a_byte_has_turned_is_not_read(log, cached, place):
    read(log)
    (kept,) = cached.iterdir()
    data = bytearray(kept.read_bytes())
    assert cache.load(log, "rows, all kept") is not None
    data[place] ^= 1
    kept.write_bytes(data)
    assert cache.load(log, "rows, all kept") is None


def test_a_cache_that_counts_without_end_is_not_believed(log, same, monkeypatch):
    expected = uncached(log, monkeypatch)
    read(log)
    loads = cache.load

    def endless(told):
        if isinstance(told, dict):
            return {key: endless(value) for key, value in told.items()}
        if isinstance(told, list):
            return [endless(value) for value in told]
        return float("inf") if isinstance(told, int) and not isinstance(told, bool) else told

    def broken(*asked):
        place, state, columns = loads(*asked)
        return place, endless(state), columns

    monkeypatch.setattr(cache, "load", broken)
    same(read(log), expected)
