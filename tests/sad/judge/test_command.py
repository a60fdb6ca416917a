"""`sad verify --loss` as it is called: exit codes, plain lines, JSON, JUnit."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
import warm

from sad.errors import UserError
from sad.judge.command import run_judge

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
RIGHT, FAULTY, UNRULY = (HERE / f"{name}_losses.py" for name in ("right", "faulty", "unruly"))

COLLATORS = HERE / "collators" / "faulty_collators.py"


def sad(*args):
    return warm.sad("verify", *map(str, args), cwd=ROOT)


def test_a_right_loss_ends_with_0_and_plain_lines():
    done = sad("--loss", f"{RIGHT}:plain", "--only", "known_divergence,claims")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0].startswith("holds           known_divergence")
    assert "assumed: student_logits is the student's logits" in done.stdout
    assert "none broken" in done.stdout.splitlines()[-1]


def test_a_faulty_loss_ends_with_1_and_shows_input_and_replay(tmp_path):
    file = tmp_path / "report.xml"
    done = sad("--loss", f"{FAULTY}:swapped", "--only", "claims", "--junit", file)
    assert done.returncode == 1
    assert "shown by: student [0, 1], teacher [0, 3]" in done.stdout
    assert f"again: sad verify --loss {FAULTY}:swapped --only claims" in done.stdout
    suite = ElementTree.parse(file).getroot()[0]
    assert (suite.get("tests"), suite.get("failures")) == ("1", "1")
    assert "reverse KL" in suite[0][0].get("message")


def test_one_broken_property_is_named_in_the_last_line():
    done = sad("--loss", f"{FAULTY}:mean_of_nothing", "--only", "known_divergence,finite")
    assert done.returncode == 1
    assert "the only thing broken of 2 properties: finite, no label at all" in done.stdout.splitlines()[-1]


def test_json_has_every_line_with_its_numbers():
    done = sad("--loss", f"{FAULTY}:element_mean", "--json", "--only", "known_divergence")
    told = json.loads(done.stdout)
    assert done.returncode == 1
    assert told["schema"] == 1
    assert told["status"] == "broken"
    assert told["what"] == "forward KL"
    line = told["invariants"][0]
    assert {"name", "standing", "says", "numbers", "example", "replay", "seconds", "id"} == set(line)
    assert line["standing"] == "broken"
    assert line["numbers"]["factor"] == pytest.approx(1)


@pytest.mark.parametrize(
    ("args", "word"),
    [
        (["--loss", "nocolon"], "package.module:function"),
        (["--loss", "nosuchmodule:loss"], "no module nosuchmodule"),
        (["--loss", f"{RIGHT}:nosuch"], "has no nosuch"),
        (["--loss", f"{UNRULY}:unknown_parameter"], "frobnication"),
        (["--loss", f"{RIGHT}:plain", "--only", "nosuch"], "no such property"),
        (["--collator", f"{COLLATORS}:preferences"], "chosen_ids"),
        (["--collator", f"{COLLATORS}:end_masked", "--only", "claims"], "no such property"),
        (["--collator", f"{COLLATORS}:end_masked", "--seed", "3"], "--seed"),
        (["--collator", f"{COLLATORS}:end_masked", "--loss", f"{RIGHT}:plain"], "at once"),
        (["--collator", ""], "--collator is empty"),
        (["--alignment", f"{RIGHT}:plain", "--tokenizers", "./none", "./nor-this"], "./none"),
        (["--only", "claims"], "name the code to judge"),
        (["--loss", f"{RIGHT}:plain", "--timeout", "0"], "seconds above 0"),
        (["--loss", f"{RIGHT}:plain", "--adapter", "nosuch.py"], "no file nosuch.py"),
        (["--loss", f"{RIGHT}:plain", "--only", "claims", "--junit", "no/such/folder.xml"], "--junit"),
    ],
)
def test_what_cannot_be_judged_is_one_line_and_2(args, word):
    done = sad(*args)
    assert done.returncode == 2
    assert word in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert "Traceback" not in done.stderr + done.stdout


def test_an_adapter_that_is_no_python_file_is_told_as_such(tmp_path):
    file = tmp_path / "bin.dat"
    file.write_bytes(b"\x00")
    with pytest.raises(UserError, match=r"^--adapter: .*bin\.dat is no Python file: name one that ends in \.py$"):
        run_judge({"loss": f"{RIGHT}:plain"}, adapter=file)


def test_a_collator_is_judged_likewise(tmp_path):
    file = tmp_path / "report.xml"
    done = sad("--collator", f"{COLLATORS}:end_masked", "--only", "I10", "--json", "--junit", file)
    assert done.returncode == 1
    told = json.loads(done.stdout)
    assert (told["interface"], told["collator"]) == ("collator", f"{COLLATORS}:end_masked")
    by_name = {line["name"]: line for line in told["invariants"]}
    assert set(by_name) == {"target_alignment", "truncated_alike"}
    broken = by_name["target_alignment"]
    assert (broken["standing"], broken["id"]) == ("broken", "I10")
    assert broken["replay"] == f"sad verify --collator {COLLATORS}:end_masked --only target_alignment"
    assert ElementTree.parse(file).getroot()[0].get("name") == f"sad verify --collator {COLLATORS}:end_masked"


def test_a_collator_that_hangs_or_returns_nothing_gets_a_verdict():
    done = sad("--collator", f"{COLLATORS}:hangs", "--timeout", "2")
    assert done.returncode == 1
    assert "hangs: no answer" in done.stdout
    done = sad("--collator", f"{COLLATORS}:nothing")
    assert done.returncode == 1
    assert "returns None" in done.stdout
    assert "it printed: collating 5" in done.stdout


def test_an_adapter_alone_says_what_it_is_for(tmp_path):
    adapter = tmp_path / "adapter.py"
    adapter.write_text(
        "import torch\n"
        "from torch.nn.utils.rnn import pad_sequence\n\n\n"
        "def collate(given):\n"
        "    rows = [[torch.tensor(one[k]) for one in given.features] for k in ('input_ids', 'labels')]\n"
        "    return tuple(pad_sequence(r, True, f) for r, f in zip(rows, (given.marks.pad, -100)))\n",
        encoding="utf-8",
    )
    done = sad("--adapter", adapter, "--only", "can_be_called,tokens_kept")
    assert done.returncode == 0, done.stderr + done.stdout
    assert "assumed: called as its adapter says" in done.stdout


def test_what_cannot_be_called_is_read(tmp_path):
    file = tmp_path / "mine.py"
    call = "def kd(student, teacher, zap):\n    return F.kl_div(F.softmax(student, -1), teacher, reduction=zap.how)\n"
    file.write_text(f"import torch.nn.functional as F\n{call}")
    done = sad("--loss", f"{file}:kd")
    assert done.returncode == 2
    head, place = done.stdout.splitlines()[-2:]
    assert head == "not run; its source, only read, shows:"
    assert place.startswith(f"  {file}:3:12: S102 wrong: ")
    told = json.loads(sad("--loss", f"{file}:kd", "--json").stdout)
    assert [one["line"] for one in told["source"]] == [3]
