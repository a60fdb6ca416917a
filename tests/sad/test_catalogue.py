import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import sad
from sad import catalogue
from sad.bugs import BUGS
from sad.catalogue import Entry, near

FOLDER = Path(sad.__file__).parent
SECTIONS = ["Symptom", "Mechanism", "What its documented fix did", "Fix", "Source"]


def test_it_reads_what_the_bugs_say_of_themselves():
    read = [(e.code, e.name, e.title, e.page.strip()) for e in catalogue.entries()]
    assert read == [(b.code, b.name, b.title, b.page.strip()) for b in BUGS]
    assert [e.invariants for e in catalogue.entries()] == [tuple(i.__name__ for i in b.invariants) for b in BUGS]


def test_every_file_of_a_bug_is_in_the_catalogue():
    files = {path.stem for path in (FOLDER / "bugs").glob("*.py")} - {"__init__"}
    assert {b.buggy.__module__.rsplit(".", 1)[-1] for b in BUGS} == files


def test_every_property_is_used_by_a_bug_and_named_like_its_file():
    used = {name for entry in catalogue.entries() for name in entry.invariants}
    assert used == set(catalogue.properties())
    for bug in BUGS:
        for invariant in bug.invariants:
            assert invariant.__module__ == f"sad.invariants.{invariant.__name__}"


@pytest.mark.parametrize("entry", catalogue.entries(), ids=lambda e: e.code)
def test_a_page_has_a_title_and_its_sections_in_order(entry):
    lines = entry.page.splitlines()
    assert lines[0]
    assert not lines[0].startswith("#")
    assert [line.removeprefix("## ") for line in lines if line.startswith("## ")] == SECTIONS


@pytest.mark.parametrize("entry", catalogue.entries(), ids=lambda e: e.code)
def test_the_fix_names_what_is_there(entry):
    fix = entry.page.partition("\n## Fix\n")[2].partition("\n## ")[0]
    files = re.findall(r"`(sad/[^`]+)`", fix)
    assert [file for file in files if not (FOLDER.parent / file).exists()] == []
    assert any(file.endswith(".py") for file in files)
    for name, file in re.findall(r"`([A-Za-z_.]+)`\s+in\s+`(sad/[^`]+\.py)`", fix):
        text = (FOLDER.parent / file).read_text(encoding="utf-8")
        assert [part for part in name.split(".") if not re.search(rf"\b{part}\b", text)] == []


@pytest.mark.parametrize(("name", "page"), catalogue.properties().items())
def test_a_property_has_a_title_and_its_sections_in_order(name, page):
    assert name
    headings = [line.removeprefix("## ") for line in page.splitlines() if line.startswith("## ")]
    assert headings == ["Property", "Why it must hold", "Tolerance", "What breaks it"]


def test_reading_it_imports_neither_torch_nor_the_bugs():
    code = (
        "import sys; from sad import catalogue; catalogue.entries(); catalogue.properties(); "
        "print(sorted({'torch', 'transformers', 'sad.bugs', 'pandas'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=FOLDER.parent, check=True)
    assert ast.literal_eval(done.stdout) == []


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("V1l0", "V110 "),
        ("V999", "sad verify --list, docs/doctor.md, docs/sources.md and docs/recipe.md show them all"),
        ("temperature", "V109"),
        ("teacher-train", "V110"),
        ("qqqq", "sad verify --list, docs/doctor.md, docs/sources.md and docs/recipe.md show them all"),
    ],
)
def test_what_is_near_an_unknown_word_is_named_by_code(word, says):
    assert says in near(word, catalogue.entries())


def test_what_is_near_is_named_once():
    assert near("v1", [Entry("V1", "v1", "", ())]) == "did you mean V1 v1?"


def test_every_bug_of_the_list_of_real_bugs_is_reproduced_by_exactly_one_file():
    listed = json.loads((FOLDER.parent / "fixtures" / "bugs.json").read_text(encoding="utf-8"))
    covered = [number for entry in catalogue.entries() for number in entry.covers]
    assert sorted(covered) == sorted(bug["id"] for bug in listed["bugs"])
    assert set(catalogue.numbers().values()) == set(listed["invariants"])
    assert [bug.covers for bug in BUGS] == [entry.covers for entry in catalogue.entries()]
