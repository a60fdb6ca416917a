from copy import deepcopy

import pytest

from sad.bugs.resume_swaps_the_model import BUG
from sad.train.saving import checkpoint
from sad.verify.battery import run


def test_verify_catches_it_and_finds_it_absent():
    (found,) = run([BUG])
    assert found.caught
    assert found.absent
    assert found.reproduced[0].says == "resumed at step 1: the optimizer owns 0 of 4 live tensors, and 4 others"
    assert "owns 2 of 4 live tensors" in found.variants["only the head is replaced"][0].says


@pytest.mark.parametrize("part", ["student", "projectors"])
def test_a_load_that_replaces_a_part_is_found(monkeypatch, found_in_the_code_that_trains, part):
    def load(run, distiller, *more, shipped=checkpoint.load):
        progress = shipped(run, distiller, *more)
        setattr(distiller, part, deepcopy(getattr(distiller, part)))
        return progress

    monkeypatch.setattr(checkpoint, "load", load)
    assert "live tensors, and " in found_in_the_code_that_trains(BUG)
