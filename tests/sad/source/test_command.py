"""`sad verify --source` as it is called: lines, JSON, exit codes; nothing of what is read is run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import warm

ROOT = Path(__file__).parents[3]

WRONG = (
    "import torch.nn.functional as F\nout = F.kl_div(F.softmax(a, -1), b, reduction='batchmean')\nraise SystemExit(9)\n"
)
LOOK = "import torch.nn.functional as F\nout = F.kl_div(a, b)\n"


def sad(*args):
    return warm.sad("verify", *map(str, args), cwd=ROOT)


@pytest.mark.parametrize(("text", "code", "level"), [(WRONG, 1, "wrong"), (LOOK, 0, "look")])
def test_a_place_is_a_line_and_what_is_wrong_however_it_is_used_is_exit_code_1(tmp_path, text, code, level):
    (tmp_path / "mine.py").write_text(text)
    done = sad("--source", tmp_path)
    assert (done.returncode, done.stderr) == (code, "")
    place, last = done.stdout.splitlines()
    assert place.startswith(f"{tmp_path / 'mine.py'}:2:7: S10")
    assert f" {level}: kl_div" in place
    assert last.startswith("1 file read, not run: ")


def test_two_paths_are_one_answer_and_json_has_it(tmp_path):
    for name, text in (("a.py", WRONG), ("b.py", LOOK)):
        (tmp_path / name).write_text(text)
    for second in ([], ["--source"]):
        done = sad("--source", tmp_path / "a.py", *second, tmp_path / "b.py", "--json")
        told = json.loads(done.stdout)
        assert (done.returncode, told["files"], [one["code"] for one in told["places"]]) == (1, 2, ["S102", "S101"])


def test_what_is_not_there_and_what_asks_for_two_things_is_refused(tmp_path):
    done = sad("--source", tmp_path / "none")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"sad: --source: there is no file or folder {tmp_path / 'none'}\n"
    assert sad("--source", tmp_path, "--loss", "a:b").returncode == 2


def test_a_file_of_escape_codes_cannot_reach_the_terminal(tmp_path):
    (tmp_path / "mi\x1b[31mne.py").write_text(LOOK)
    done = sad("--source", tmp_path)
    assert "\x1b" not in done.stdout
    assert "S101" in done.stdout


def test_where_no_file_can_be_read_nothing_is_said_to_be_right(tmp_path):
    (tmp_path / "a.py").write_text("print 'x'\n")
    done = sad("--source", tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"sad: --source: {tmp_path / 'a.py'}: Missing parentheses")
    assert done.stderr.endswith(": no file could be read\n")
