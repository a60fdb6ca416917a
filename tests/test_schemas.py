"""What the doctor writes for programs has the shape that docs/schemas promises, and the shape has a number."""

from __future__ import annotations

import copy
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from shape import bare, problems

from sad_doctor import check, read
from sad_doctor.example import parse
from sad_doctor.finding import Comparison, Crashed, Finding, Level, NotChecked, Reading, Report, Row, Story
from sad_doctor.notify import SCHEMA as MESSAGE
from sad_doctor.notify import message
from sad_doctor.views.json import SCHEMA as REPORT
from sad_doctor.views.json import render

ROOT = Path(__file__).parents[1]
SCHEMAS = ROOT / "docs" / "schemas"
LOGS = ("healthy", "run2.log", "postmortem.log", "crash_168_160.log", "metrics.csv", "nan.jsonl", "trainer_state.json")
SHAPES = {
    "message-1": "ec18c715f5b92d37",
    "report-1": "88890e78210c16e3",
}
"""What each version looks like. A line here is never changed: another shape gets another number, and a file."""

FULL = Finding(
    "R401", "non-finite", Level.ERROR, "NaN.", ("one",), "why", "do", 1.0, float("nan"), {"value": float("inf")}
)
STORY = Story(FULL, (FULL,))
FREE = (("numbers",), ("measured",))
"""Where the keys are those of the rules."""
EVERYTHING = Report(
    (STORY,),
    ("R101",),
    (NotChecked("R402", "x", "no gradient"),),
    (Crashed("R104", "loss-spike", "boom"),),
    {"R203": (Reading("share of kd", 0.9, "share"), Reading("records", 9.0))},
    (Comparison("beside seed", "As wanted.", (Row("loss", "at step 9", 1.0, "1.0", "2.0", "below"),), ("a note",)),),
)


def schema(name: str, version: int) -> dict[str, Any]:
    return json.loads((SCHEMAS / f"{name}-{version}.json").read_text(encoding="utf-8"))


def reports() -> list[dict[str, Any]]:
    runs = [read(ROOT / "fixtures" / "runs" / name) for name in LOGS]
    made = [(run, check(run)) for run in runs]
    empty = parse("fact status: running")
    return [json.loads(render(*one)) for one in (*made, (empty, check(empty)), (runs[0], EVERYTHING))]


def messages() -> list[dict[str, Any]]:
    run = read(ROOT / "fixtures" / "runs" / "postmortem.log")
    return [message(run, story) for story in (*check(run).stories, STORY)]


WRITTEN = {"report": (REPORT, reports), "message": (MESSAGE, messages)}


@pytest.mark.parametrize("kind", WRITTEN)
def test_what_is_written_has_the_shape_of_its_version(kind: str) -> None:
    version, written = WRITTEN[kind]
    told = written()
    assert len(told) > 3
    for one in told:
        assert one["schema"] == version
        assert problems(one, schema(kind, version)) == []


@pytest.mark.parametrize("name", sorted(SHAPES))
def test_a_version_never_changes_its_shape(name: str) -> None:
    kind, _, version = name.partition("-")
    shape = json.dumps(bare(schema(kind, int(version))), sort_keys=True)
    assert hashlib.sha256(shape.encode()).hexdigest()[:16] == SHAPES[name]


def test_every_version_is_kept_and_every_file_is_a_version() -> None:
    assert {path.stem for path in SCHEMAS.glob("*.json")} == set(SHAPES)
    assert {f"{kind}-{version}" for kind, (version, _) in WRITTEN.items()} <= set(SHAPES)


@pytest.mark.parametrize("kind", WRITTEN)
def test_any_other_shape_is_seen(kind: str) -> None:
    """A key that is gone, new or of another kind, anywhere in what is written."""
    version, written = WRITTEN[kind]
    promised = schema(kind, version)
    whole = written()[-1]
    places = list(_objects(whole))
    assert len(places) > 3
    for place in places:
        for key in _at(whole, place):
            for change in ("gone", "other"):
                other = copy.deepcopy(whole)
                inside = _at(other, place)
                if change == "gone":
                    del inside[key]
                else:
                    inside[key] = [True]
                if place[-1:] not in FREE or change == "other":
                    assert problems(other, promised), (place, key, change)
        if place[-1:] not in FREE:
            other = copy.deepcopy(whole)
            _at(other, place)["new"] = 1
            assert problems(other, promised), place


def test_the_page_names_every_key_and_the_newest_versions() -> None:
    page = (ROOT / "docs" / "json-report.md").read_text(encoding="utf-8")
    for kind, (version, _) in WRITTEN.items():
        assert f"schemas/{kind}-{version}.json" in page
        for part in (schema(kind, version), *schema(kind, version)["$defs"].values()):
            missing = [key for key in part.get("properties", {}) if f"`{key}`" not in page]
            assert missing == []


def test_a_word_of_json_schema_that_is_not_checked_is_refused() -> None:
    with pytest.raises(ValueError, match="oneOf"):
        problems(1, {"oneOf": []})


def _objects(value: Any, place: tuple[Any, ...] = ()) -> Any:
    if isinstance(value, dict):
        yield place
    for key, one in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from _objects(one, (*place, key))


def _at(value: Any, place: tuple[Any, ...]) -> Any:
    for key in place:
        value = value[key]
    return value
