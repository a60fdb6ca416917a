"""A collator with a template of its own is asked what holds for any template, and each of those can break."""

from __future__ import annotations

from pathlib import Path

import pytest
import strange

from sad.judge.target import load
from sad.verdict import Standing

FILE = Path(__file__).parent / "templates_of_their_own.py"


@pytest.mark.parametrize("name", load(f"{FILE}:RIGHT"))
def test_a_right_one_is_judged_and_left_alone(name):
    what, lines = strange.judged(FILE, name, "collator")
    assert {one: line.says for one, line in lines.items() if line.standing is Standing.BROKEN} == {}
    assert lines["target_alignment"].standing in (Standing.HOLDS, Standing.ALLOWED)
    assert what == "a collator with a template of its own, which masks prompts"


@pytest.mark.parametrize(("name", "fault"), load(f"{FILE}:FAULTS").items())
def test_a_faulty_one_breaks_its_property(name, fault):
    of, word = fault
    _, lines = strange.judged(FILE, name, "collator", (of,))
    assert lines[of].standing is Standing.BROKEN, lines[of].says
    assert word in lines[of].says


def test_what_is_assumed_is_said():
    _, said = strange.assumed(FILE, "Asked", "collator")
    assert "it puts words of its own round its texts; what holds for any template is asked of it, and no more" in said


def test_a_text_that_is_changed_where_it_is_prepared_once_is_allowed_and_said():
    _, lines = strange.judged(FILE, "preprocess", "collator", ("features_untouched",))
    assert lines["features_untouched"].standing is Standing.ALLOWED
    assert "it is for texts that are prepared once" in lines["features_untouched"].says


def test_an_end_mark_that_pads_is_allowed_and_said():
    _, lines = strange.judged(FILE, "Asked", "collator", ("attention_mask",))
    assert lines["attention_mask"].standing is Standing.ALLOWED
    assert "4 end marks are masked where the end mark is the padding mark" in lines["attention_mask"].says


def test_where_a_file_sets_a_padding_mark_the_end_mark_never_pads(tmp_path):
    for number, (more, standing) in enumerate(
        (("PADS = {}; PADS['pad_token'] = '[PAD]'", Standing.HOLDS), ("pad_token = eos_token = ''", Standing.ALLOWED))
    ):
        file = tmp_path / f"sets_{number}.py"
        file.write_text(f"{FILE.read_text()}\n{more}\n")
        _, lines = strange.judged(file, "Asked", "collator", ("attention_mask",))
        assert lines["attention_mask"].standing is standing
