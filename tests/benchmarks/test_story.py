"""The whole story of a bug: the faults are in the code while they last and not after, and what is counted is what was
found.
"""

from __future__ import annotations

import inspect
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

import story
from sickened import world
from sickened.fault import ROOT, Fault, World

from sad import catalogue
from sad_doctor.rules import RULES

FAULTS = {story.name(fault): fault for fault in world.FAULTS}


def standing(fault: Fault) -> list[Any]:
    return [o[n] if isinstance(o, dict) else inspect.getattr_static(o, n) for o, n, _ in fault.places]


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_in_the_code_while_it_lasts(name: str) -> None:
    fault = FAULTS[name]
    right = standing(fault)
    with fault.put_in():
        assert all(now is not was for now, was in zip(standing(fault), right, strict=True))
    assert all(now is was for now, was in zip(standing(fault), right, strict=True))
    assert fault.files
    assert all((ROOT / file).is_file() for file in fault.files)


def test_faults_are_of_the_catalogue_and_their_causes_are_red_flags() -> None:
    assert len(FAULTS) == len(world.FAULTS) > 30
    assert {fault.code for fault in world.FAULTS} <= {entry.code for entry in catalogue.entries()}
    assert {cause for fault in world.FAULTS for cause in fault.causes} <= {rule.name for rule in RULES}


def test_a_bug_is_told_by_its_log_and_found_in_the_code_and_gone_when_it_is_mended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, few in (("STEPS", 12), ("CHAPTERS", 1), ("HELD_OUT", 2)):
        monkeypatch.setattr(world, name, few)
    fault = FAULTS["V104 no step is taken"]
    sick = world.lived(fault, tmp_path / "sick")
    assert (sick["first"], sick["sick"], sick["crashed"]) == (*fault.causes, True, "")
    assert "weights-frozen" not in world.mended(fault.world, tmp_path / "well")["alarms"]
    assert not world.is_sick("V104")
    assert world.mended_in("V104") & fault.files


def test_a_window_without_labels_teaches_nothing() -> None:
    made = world.plan(World({"train": {"batch_size": 1}}, unlabelled=2))
    counts = [made.batch([[number]]).counts() for number in (0, 1)]
    assert not any(counts[0].values())
    assert all(counts[1].values())


def test_what_is_counted() -> None:
    faults = [
        FAULTS["V104 no step is taken"],
        FAULTS["V410 the cosine is a line"],
        FAULTS["V502 moments lost at a resume"],
    ]
    told = [("weights-frozen", True), ("loss-spike", True), ("", False)]
    found = {
        story.name(fault): {"first": first, "sick": sick, "crashed": ""}
        for fault, (first, sick) in zip(faults, told, strict=True)
    }
    found |= {repr(fault.world): {"first": "", "crashed": ""} for fault in faults}
    found[repr(faults[2].world)]["first"] = "resume-jumps"
    shown = story.table(faults, found)
    assert "| V104 no step is taken | weights-frozen, right | V104 | healthy |" in shown
    assert "| V410 the cosine is a line | loss-spike, another | V410 | healthy |" in shown
    assert "| V502 moments lost at a resume | nothing | nothing | resume-jumps |" in shown
    assert (
        "right cause first in 1 of 1. Of the 2 that should leave none, it found nothing in 1 and something in 1"
        in shown
    )
    assert "found the bug in 2 of 3" in shown
    assert "found nothing in 2 of 3" in shown
