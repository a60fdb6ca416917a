"""How two tokenizers relate, told without a model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import warm

from sad import tiny
from sad.errors import UserError
from sad.invariants.vocabulary import permuted
from sad.verify.tokenizers import lines, related, run_tokenizers


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tokenizers")
    made = {"small": tiny.tokenizer(300), "large": tiny.tokenizer(400), "permuted": permuted()[0]}
    for name, tokenizer in made.items():
        tokenizer.save_pretrained(folder / name)
    return {name: str(folder / name) for name in made}


def test_one_tokenizer(saved):
    told = related(saved["small"], saved["small"])
    assert (told["kind"], told["shared"], told["moved"], told["mapped"]) == ("identical", 1.0, 0.0, 1.0)
    assert told["passage"]["common"] == told["passage"]["student"]


def test_two_that_overlap(saved):
    told = related(saved["large"], saved["small"])
    assert told["kind"] == "overlapping"
    assert told["tokens"] == {"teacher": 400, "student": 300}
    assert 0 < told["passage"]["common"] <= min(told["passage"]["teacher"], told["passage"]["student"])
    assert "vocabulary" in told["differ"]


def test_equal_sizes_are_not_equality(saved):
    told = related(saved["permuted"], saved["small"])
    assert told["moved"] > 0.5
    assert any("equal sizes, yet not one tokenizer" in line for _, line in lines(told))


def test_it_is_printed_and_a_missing_one_is_one_line(saved, capsys):
    assert run_tokenizers(saved["large"], saved["small"], as_json=True) == 0
    assert json.loads(capsys.readouterr().out)["schema"] == 1
    with pytest.raises(UserError):
        run_tokenizers("/no/such/folder", saved["small"])


def test_an_alignment_is_judged_on_the_pair_that_is_named(saved):
    root = Path(__file__).parents[3]
    file = root / "tests/sad/judge/alignments/right_alignments.py"
    pair = ("--tokenizers", saved["large"], saved["small"])
    done = warm.sad("verify", "--alignment", f"{file}:boundaries", *pair, "--only", "given_pair", cwd=root)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "end at the same byte" in done.stdout
    done = warm.sad("verify", *pair, cwd=root)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("tokenizers    overlapping: teacher 400 tokens, student 300")
    done = warm.sad("verify", "--collator", f"{file}:boundaries", *pair, cwd=root)
    assert done.returncode == 2
    assert "at once" in done.stderr
