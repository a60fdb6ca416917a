"""The command itself, in a process of its own: what it prints where, and its exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import warm

ROOT = Path(__file__).resolve().parents[2]
ENDING = [
    "✓ Issue #1: Layerwise Loss Normalization - VERIFIED",
    "✓ Issue #2: Sequence Length Alignment - VERIFIED",
    "✓ Issue #3: Loss Magnitude Imbalance - VERIFIED",
    "✓ ALL FIXES VERIFIED SUCCESSFULLY!",
]
SICK = (
    "from sad.losses import kd; shipped = kd.rows; kd.rows = lambda s, t, d, *more: "
    "(lambda found: found._replace(values=d.temperature**2 * found.values))(shipped(s, t, d, *more))"
)
BLIND = (
    "import dataclasses; from sad.verify import battery; from sad.verdict import Verdict; "
    "battery.BUGS = tuple(dataclasses.replace(b, invariants=(lambda _: Verdict(True, 'fine'),)) for b in battery.BUGS)"
)
QUICK = (
    "import dataclasses; from sad.verify import battery; from sad.verdict import Verdict; "
    "battery.BUGS = tuple(dataclasses.replace(b, buggy=lambda: 7, fixed=lambda: 1, attempts={}, variants={}, "
    "invariants=(lambda value: Verdict(value == 1, f'it is {value}'),)) for b in battery.BUGS)"
)


def sad(*arguments, before=None, **environment):
    """Run the command; ``before`` is code that runs first in the same process."""
    start = f"import sys; {before}; from sad.cli.app import main; sys.argv = ['sad', *{list(arguments)!r}]; main()"
    how = ["-c", start] if before else ["-m", "sad", *arguments]
    return subprocess.run(
        [sys.executable, *how],
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        cwd=ROOT,
        timeout=600,
        env={**os.environ, "PYTHONIOENCODING": "utf-8", **environment},
    )


@pytest.mark.thorough
def test_the_whole_catalogue_is_verified_in_two_processes():
    """Each bug has a test of its own besides, which every run has."""
    from sad.catalogue import entries

    whole = sad("verify", "--all", "--jobs", "2", OMP_NUM_THREADS="1")
    assert whole.returncode == 0, whole.stdout + whole.stderr
    lines = whole.stdout.splitlines()
    assert lines[-4:] == ENDING
    assert [line.split()[1] for line in lines[:-4]] == [entry.code for entry in entries()]
    assert whole.stderr == ""


def test_bugs_are_verified_in_plain_lines():
    codes = ["V101", "V102", "V103", "V105"]
    done = sad("verify", *codes, "--jobs", "2", OMP_NUM_THREADS="1")
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    bugs = [line for line in done.stdout.splitlines() if line.startswith("✓ V")]
    assert [line.split()[1] for line in bugs] == codes
    assert all("  reproduced: " in line and "  fixed: " in line for line in bugs)
    assert "485,165,195.41" in done.stdout
    assert "The size of tensor a (168) must match the size of tensor b (160)" in done.stdout
    assert "90.6%" in done.stdout
    # nothing of the libraries' own, and no escape code where there is no terminal
    assert "\x1b" not in done.stdout


def test_the_core_is_what_is_verified_where_nothing_is_named():
    from sad.catalogue import core, entries

    done = sad("verify", "--jobs", "1", before=QUICK)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert lines[-4:] == ENDING
    codes = [line.split()[1] for line in lines[:-4]]
    assert len(codes) >= 12
    assert codes == [entry.code for entry in core(entries())]
    assert done.stderr == ""


def test_a_sick_build_exits_with_1_and_is_named():
    done = sad("verify", "V109", before=SICK)
    assert done.returncode == 1
    assert "✗ V109 temperature-squared: it is in the code that trains: value 1.000 to 64.000 x right" in done.stdout
    assert done.stdout.splitlines()[-1].endswith("see: sad explain V109")
    assert "VERIFIED" not in done.stdout


def test_a_blind_check_exits_with_1_and_is_named_in_words_where_a_terminal_cannot_show_a_mark():
    done = sad("verify", "V109", before=BLIND, PYTHONIOENCODING="ascii")
    assert done.returncode == 1
    assert "FAIL V109 temperature-squared: the check is blind: the bug (fine)" in done.stdout


@pytest.mark.parametrize("arguments", [["verify", "V999"], ["verify", "V104", "nonsense"], ["explain", "V999"]])
def test_an_unknown_code_is_one_line_and_exit_2(arguments):
    done = sad(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert arguments[-1] in done.stderr


def test_an_unknown_option_exits_with_2():
    assert sad("verify", "--nonsense").returncode == 2


def test_json_is_all_that_is_printed():
    done = warm.sad("verify", "V109", "--json", cwd=ROOT)
    assert done.returncode == 0
    assert done.stderr == ""
    document = json.loads(done.stdout, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert document["status"] == "verified"
    assert [bug["code"] for bug in document["bugs"]] == ["V109"]


@pytest.mark.parametrize(
    "arguments", [["verify", "--list"], ["explain", "V104"], ["explain", "R301"], ["verify", "--help"]]
)
def test_reading_of_the_catalogue_loads_no_torch(arguments):
    report = "import atexit, sys; atexit.register(lambda: print('torch' in sys.modules, file=sys.stderr))"
    done = sad(*arguments, before=report)
    assert done.returncode == 0
    assert done.stderr == "False\n"
    assert done.stdout


def test_the_list_names_every_bug():
    from sad.catalogue import entries

    lines = sad("verify", "--list").stdout.splitlines()
    assert [line.split()[:2] for line in lines] == [[entry.code, entry.name] for entry in entries()]


def test_a_page_with_signs_that_a_terminal_lacks_is_still_shown():
    done = sad("explain", "V109", PYTHONIOENCODING="ascii")
    assert done.returncode == 0
    assert "shrinks as 1/T" in done.stdout
