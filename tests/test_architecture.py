"""docs/architecture.md says what is there, in a page: every room by its name, the order of imports."""

from __future__ import annotations

import ast
import re
import tomllib
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
PACKAGES = ("sad", "sad_doctor")


def named(page: str) -> set[str]:
    """Return the files and folders that a page names in backticks."""
    return set(re.findall(r"`(sad(?:_doctor)?/[\w/.]+)`", page))


def rooms() -> set[str]:
    """Return the folders of code, and of data that is shipped, directly below the packages."""
    folders = (path for package in PACKAGES for path in (ROOT / package).iterdir() if path.is_dir())
    return {f"{path.relative_to(ROOT).as_posix()}/" for path in folders if path.name != "__pycache__"}


def test_what_the_page_names_is_there() -> None:
    assert len(named(PAGE)) > 30
    assert {name for name in named(PAGE) if not (ROOT / name).exists()} == set()
    assert {name for name in named(PAGE) if name.endswith("/") != (ROOT / name).is_dir()} == set()


def test_it_is_a_page() -> None:
    assert len(PAGE.splitlines()) <= 80


def test_every_room_is_on_the_page() -> None:
    assert len(rooms()) > 15
    assert rooms() - named(PAGE) == set()


def layers(*, within: bool = True) -> dict[str, list[str]]:
    """Return the layers of each contract that has some, by its name; with or without those within a room."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = [one for one in project["tool"]["importlinter"]["contracts"] if one["type"] == "layers"]
    return {one["name"]: one["layers"] for one in contracts if within or "containers" not in one}


def test_the_order_of_imports_is_that_which_is_checked() -> None:
    """What the page puts above another stands above it there."""
    block = PAGE.partition("## Imports run one way")[2].partition("```text\n")[2].partition("```")[0]
    found = layers(within=False)
    for package, told in zip(PACKAGES, re.split(r"(?= main)", block), strict=True):
        (lines,) = (lines for lines in found.values() if lines[0].startswith(f"{package}."))
        depth = {name.strip(): at for at, line in enumerate(lines) for name in line.split("|")}
        steps = [[depth[f"{package}.{name.strip()}"] for name in step.split(",")] for step in told.split(">")]
        assert len(steps) > 5
        assert all(max(upper) < min(lower) for upper, lower in pairwise(steps))


def imports(package: str, rooms: set[str]) -> set[frozenset[str]]:
    """Return the pairs of rooms of which one imports the other."""
    found = set()
    for room in rooms:
        folder = ROOT / package / room
        for path in folder.rglob("*.py") if folder.is_dir() else [folder.with_suffix(".py")]:
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ImportFrom) and node.module:
                    whole = [f"{node.module}.{one.name}".split(".") for one in node.names]
                    found |= {frozenset((room, names[1])) for names in whole if names[0] == package}
    return found


def test_the_arrows_of_the_picture_are_between_rooms_that_know_each_other() -> None:
    """An arrow is data, so that either end may import the other; one that is handed on by a third room is named."""
    above, below = PAGE.partition("```text\n")[2].partition("```")[0].split("any log")
    handed_on = {"losses -> objective", "check -> report", "report -> views"}
    for package, told, least in (("sad", above, 10), ("sad_doctor", f"log{below}", 6)):
        (lines,) = (lines for lines in layers(within=False).values() if lines[0].startswith(f"{package}."))
        known = {name.strip().partition(".")[2] for line in lines for name in line.split("|")}
        arrows = re.findall(r"(\w+)(?= (<-|->) (\w+))", told)
        told_by = {f"{one} {way} {other}" for one, way, other in arrows} - {"log -> readers"}
        assert len(told_by) >= least
        pairs = {arrow: re.split(" <- | -> ", arrow) for arrow in told_by - handed_on}
        assert {name for pair in pairs.values() for name in pair} <= known
        there = imports(package, {name for pair in pairs.values() for name in pair})
        assert {arrow for arrow, pair in pairs.items() if frozenset(pair) not in there} == set()
        assert {arrow for arrow in told_by if "<-" in arrow} <= {"invariants <- shipped"}


def test_every_module_is_in_a_contract() -> None:
    """One that is in none may import what it likes."""
    held = {module.strip() for lines in layers(within=False).values() for line in lines for module in line.split("|")}
    there = {f"{package}.{path.stem}" for package in PACKAGES for path in (ROOT / package).glob("[!_]*.py")}
    there |= {room.rstrip("/").replace("/", ".") for room in rooms()}
    assert len(there) > 60
    assert there ^ held == set()


def test_the_tables_to_add_to_are_where_the_page_says() -> None:
    """`NAME` or `function` in `file`."""
    places = re.findall(r"`([A-Z]+|\w+_readers)`(?: or `([A-Z]+|\w+_readers)`)? in `(sad[\w/]+\.py)`", PAGE)
    assert len(places) >= 3
    for *tables, file in places:
        code = (ROOT / file).read_text(encoding="utf-8")
        assert [t for t in tables if t and not re.search(rf"^(def )?{t}\b.*( = |:$)", code, re.MULTILINE)] == []
