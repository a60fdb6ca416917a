"""The audit by deletion: what it takes away, what it finds of a small package, what it cannot judge."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import deletion

CODE = '''
from functools import cache
from typing import Protocol

class Shape(Protocol):
    def area(self) -> float:
        """Not judged."""

class Square:
    def __init__(self) -> None:
        self.side = 3

    @property
    def area(self):
        return self.side**2

    @staticmethod
    def corners():
        yield from range(4)

    def shrink(self):
        """Does nothing."""

@cache
def used():
    return 1

def idle():
    return 2

def never():
    return 3
'''
TESTS = """
from small.shapes import Square, idle, used

def test_them():
    assert used() == 1
    idle()
    assert Square().area == 9
    assert len(list(Square.corners())) == 4
"""


def _audited(folder: Path, *more: str) -> list[str]:
    """Return what the audit of the package in ``folder`` prints."""
    start = (
        f"import sys; sys.path[:0] = [{str(folder)!r}, {str(Path(deletion.__file__).parent)!r}]; import deletion; "
        f"from pathlib import Path; deletion.ROOT = Path({str(folder)!r}); deletion.main()"
    )
    words = ["small", "tests", "--kept", "kept.json", "-c", "/dev/null", "--rootdir", "."]
    done = subprocess.run(
        [sys.executable, "-c", start, *words, *more],
        cwd=folder,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_a_small_package(tmp_path: Path) -> None:
    for name, text in (("small/__init__.py", ""), ("small/shapes.py", CODE), ("tests/test_shapes.py", TESTS)):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(textwrap.dedent(text))
    # what was kept is not judged again, and says the same; what was made once is not made again for `used`
    for more, unmissed in (([], ["idle"]), ([], ["idle"]), (["--warm", "--kept", "warm.json"], ["used", "idle"])):
        lines = _audited(tmp_path, *more)
        assert lines[0] == f"5 of 6 functions judged: {5 - len(unmissed)} missed, {len(unmissed)} not"
        assert [line.split()[-1] for line in lines if line.startswith("  ")] == [*unmissed, "never"]


def test_one_that_fails_the_second_time_judges_nothing_of_what_was_kept_warm(tmp_path: Path) -> None:
    """Else each of its functions would count as missed, whatever it says of them."""
    once = "from small.shapes import idle\nran = []\ndef test_once():\n    ran.append(idle())\n    assert len(ran) == 1"
    for name, text in (("small/__init__.py", ""), ("small/shapes.py", CODE), ("tests/test_shapes.py", once)):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert _audited(tmp_path)[0] == "1 of 6 functions judged: 0 missed, 1 not"
    warm = _audited(tmp_path, "--warm", "--kept", "warm.json")
    assert warm[0] == "0 of 6 functions judged: 0 missed, 0 not"


def test_files_are_one_or_all_below_or_all_of_a_folder() -> None:
    doctor = deletion.ROOT / "sad_doctor"
    one, below, beside = ({f.file for f in deletion.functions(doctor / name)} for name in ("words.py", "", "*.py"))
    assert one == {"sad_doctor/words.py"}
    assert one < beside < below
    assert {Path(name).parent.name for name in beside} == {"sad_doctor"}


def test_functions_that_do_nothing_are_left_out() -> None:
    assert {one.name for one in deletion.functions(deletion.ROOT / "sad_doctor/rule.py")}


def test_what_is_not_asked_to_the_end_is_asked_again(tmp_path: Path) -> None:
    """The first test of `idle` does not miss it, and takes all of its time."""
    slow = "import time\nfrom small.shapes import idle\ndef test_slow():\n    time.sleep(0.2)\n    idle()\n"
    late = "from small.shapes import idle\ndef test_late():\n    assert idle() == 2\n"
    tests = (("tests/test_shapes.py", slow), ("tests/test_late.py", late))
    for name, text in (("small/__init__.py", ""), ("small/shapes.py", CODE), *tests):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert "not asked to the end: 1" in _audited(tmp_path, "--each", "0.1")
    assert _audited(tmp_path)[0] == "1 of 6 functions judged: 1 missed, 0 not"


def test_what_a_fixture_makes_once_is_judged_by_every_test_of_its_file(tmp_path: Path) -> None:
    """It is entered before the first test, which looks at something else."""
    shared = """
    import pytest
    from small.shapes import idle

    @pytest.fixture(scope="module")
    def made():
        return idle()

    def test_first(made):
        pass

    def test_second(made):
        assert made == 2
    """
    for name, text in (("small/__init__.py", ""), ("small/shapes.py", CODE), ("tests/test_shapes.py", shared)):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(textwrap.dedent(text))
    assert _audited(tmp_path)[0] == "1 of 6 functions judged: 1 missed, 0 not"
