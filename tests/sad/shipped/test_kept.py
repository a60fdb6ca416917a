import os
import shutil
from types import SimpleNamespace

import torch

from sad.shipped.kept import SAVES, STEPS, _synced, shipped_kept


def test_every_checkpoint_and_the_exported_student_are_claimed():
    kept = shipped_kept()()
    assert [claim.of for claim in kept.claims] == [
        f"the checkpoint of step {SAVES[-2]}",
        f"the checkpoint of step {STEPS}",
        "the exported student",
        "the exported student of a text that ended",
        "the last checkpoint of a text that ended",
    ]
    first, last, exported, *ended = kept.claims
    assert last.told == exported.told != first.told
    assert all(torch.equal(tensor, exported.saved[name]) for name, tensor in last.saved.items())
    assert all(torch.equal(tensor, ended[0].saved[name]) for name, tensor in ended[1].saved.items())
    assert all(torch.equal(tensor, kept.last[name]) for name, tensor in kept.scored.items())
    assert any(not torch.equal(tensor, kept.last[name]) for name, tensor in kept.start.items())


def test_its_score_is_of_the_weights_that_it_is_given():
    kept = shipped_kept()()
    assert kept.score(kept.start) > kept.score(kept.last) == kept.claims[1].told


def test_it_tells_how_it_saves():
    kept = shipped_kept()()
    assert kept.waits == [1.0125, 1.0125, 0.3375]
    assert (kept.left, kept.unsynced) == ([], [])
    assert kept.full_disk == "No space left on device (os error 28)"


def test_what_is_left_and_what_is_not_synced_is_told(monkeypatch):
    monkeypatch.setattr("sad.train.saving.disk.sync", lambda _: None)
    careless = SimpleNamespace(rmtree=lambda path, ignore_errors=False: None if ignore_errors else shutil.rmtree(path))
    monkeypatch.setattr("sad.train.saving.disk.shutil", careless)
    kept = shipped_kept()()
    first, second = kept.left[:2]
    assert first.endswith(".1.tmp")
    # what goes is hidden first
    assert second.startswith(".step-00000003.")
    assert "state.json" in kept.unsynced


def test_a_file_that_stays_open_is_told(tmp_path):
    with _synced() as unsynced:
        with (tmp_path / "state.json").open("wb") as file:
            os.fsync(file.fileno())
            assert unsynced(tmp_path) == [tmp_path.name, f"handle {file.fileno()}"]
        assert unsynced(tmp_path) == [tmp_path.name]
