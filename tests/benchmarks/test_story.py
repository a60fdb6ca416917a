"""The whole story of a bug: the faults are in the code while they last and not after, and what is counted is what was
found.
"""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any

import pytest
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
    assert [fault.told for fault in world.FAULTS if not fault.causes and not fault.unseen] == []


def test_every_bug_that_a_log_shows_is_put_in_or_listed_with_its_reason() -> None:
    listed = json.loads((ROOT / "fixtures" / "bugs.json").read_text(encoding="utf-8"))["bugs"]
    shown = {one["id"] for one in listed if "LOG" in one["visible_in"]}
    wanted = {entry.code for entry in catalogue.entries() if shown & set(entry.covers)}
    assert len(wanted) > 30
    there = {fault.code for fault in world.FAULTS}
    assert wanted - there == set(story.ABSENT)


def test_the_fix_of_a_bug_names_the_file_that_it_is_in() -> None:
    assert [story.name(fault) for fault in world.FAULTS if not fault.files & world.mended_in(fault.code)] == []


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


@pytest.mark.parametrize(
    ("name", "sick", "well", "wrong"),
    [
        ("V104 no step is taken", {"first": "weights-frozen"}, {}, False),
        ("V104 no step is taken", {"first": "", "hints": ["weights-frozen"]}, {}, False),
        ("V104 no step is taken", {"first": "", "hints": ["kd-stays", "weights-frozen"]}, {}, True),
        ("V104 no step is taken", {"first": "kd-stays"}, {}, True),
        ("V104 no step is taken", {"first": ""}, {}, True),
        ("V104 no step is taken", {"first": "weights-frozen", "sick": False}, {}, True),
        ("V104 no step is taken", {"first": "weights-frozen"}, {"first": "kd-stays"}, True),
        ("V111 the target is trained", {"first": ""}, {}, False),
        ("V111 the target is trained", {"first": "kd-stays"}, {}, True),
    ],
)
def test_a_row_that_is_not_as_it_should_be_is_named(
    name: str, sick: dict[str, Any], well: dict[str, Any], wrong: bool
) -> None:
    fault = FAULTS[name]
    said = {"hints": [], "sick": True, "beside": False}
    found = {name: {**said, **sick}, repr(fault.world): {"first": "", **well}}
    assert story.unlike([fault], found) == [name] * wrong


def test_a_window_without_labels_teaches_nothing() -> None:
    made = world.plan(World({"train": {"batch_size": 1}}, unlabelled=2))
    counts = [made.batch([[number]]).counts() for number in (0, 1)]
    assert not any(counts[0].values())
    assert all(counts[1].values())


def test_what_is_counted() -> None:
    told = {
        "V104 no step is taken": ("weights-frozen", [], True),
        "V411 the norm of cleared gradients": ("", ["gradient-vanishes"], True),
        "V202 logits are clamped": ("", [], True),
        "V410 the cosine is a line": ("loss-spike", [], False),
        "V502 moments lost at a resume": ("", [], True),
        "V312 the evaluation has no label loss": ("non-finite", [], False),
    }
    faults = [FAULTS[name] for name in told]
    found: story.Found = {
        name: {"first": first, "sick": sick, "beside": name.startswith("V312"), "crashed": "", "hints": hints}
        for name, (first, hints, sick) in told.items()
    }
    found |= {repr(fault.world): {"first": "", "crashed": ""} for fault in faults}
    found[repr(FAULTS["V502 moments lost at a resume"].world)]["first"] = "resume-jumps"
    shown = story.table(faults, found)
    assert "| V104 no step is taken | weights-frozen, right | V104 | healthy |" in shown
    assert "| V411 the norm of cleared gradients | a hint, gradient-vanishes | V411 | healthy |" in shown
    assert "| V202 logits are clamped | nothing (expected: kd-stays or gradient-vanishes): " in shown
    assert "| V410 the cosine is a line | loss-spike, another | nothing | healthy |" in shown
    assert "| V502 moments lost at a resume | nothing: Adam" in shown
    assert "| V312 the evaluation has no label loss | non-finite, right | V704 | healthy |" in shown
    assert (
        "Of 4 a red flag was expected beforehand: the doctor named a right one first in 2, and as its first hint, with "
        "no warning, in 1" in shown
    )
    assert "In 1 of those 4 the log turned out to show nothing: of the 3 whose log shows it" in shown
    assert "Of the 2 that should leave no trace, it found nothing in 1 and something in 1." in shown
    assert "found 4 of 6 by the properties of the same bug, 1 more by those of a neighbour" in shown
    assert "names the file that it was in for 6" in shown
    assert "found nothing in 5 of 6" in shown
    assert "Not in the table: V408, as " in shown
