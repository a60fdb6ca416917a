"""Right alignments of several styles are left alone; each faulty one breaks the property that is for it."""

from __future__ import annotations

from pathlib import Path

import pytest
import strange

from sad.errors import UserError
from sad.judge.alignments.call import Call
from sad.judge.alignments.checks import composed
from sad.judge.judging import Code
from sad.judge.target import load
from sad.verdict import Standing

HERE = Path(__file__).parent
RIGHT, FAULTY = (HERE / f"{name}_alignments.py" for name in ("right", "faulty"))
STYLES, FAULTS = load(f"{RIGHT}:STYLES"), load(f"{FAULTY}:FAULTS")


@pytest.mark.parametrize("name", STYLES)
def test_a_right_one_is_left_alone(name):
    what, lines = strange.judged(RIGHT, name, "alignment")
    assert {one: line.says for one, line in lines.items() if line.standing is Standing.BROKEN} == {}, what
    assert lines["text_alignment"].standing is Standing.HOLDS
    grouped = name in ("groups", "ranges")
    assert lines["text_kept"].standing is (Standing.HOLDS if grouped else Standing.NOT_APPLICABLE)


@pytest.mark.parametrize("name", FAULTS)
def test_a_faulty_one_breaks_its_property(name):
    wanted, word = FAULTS[name]
    _, lines = strange.judged(FAULTY, name, "alignment", (wanted,))
    assert lines[wanted].standing is Standing.BROKEN
    assert word in lines[wanted].says


def test_the_smallest_word_is_shown():
    _, lines = strange.judged(FAULTY, "first_of_a_character", "alignment", ("text_alignment",))
    assert "ends at byte" in lines["text_alignment"].example


def test_marks_that_are_composed_show_in_a_text_that_has_them():
    verdict = composed(Call(Code(load(f"{FAULTY}:composes"))))
    assert verdict is not None
    assert "a text with combining marks" in verdict.says
    assert composed(Call(Code(load(f"{RIGHT}:boundaries")))) is None


def test_what_cannot_be_judged_is_told():
    with pytest.raises(UserError, match="frobnication"):
        strange.judged(FAULTY, "unknown", "alignment")


def test_an_adapter_gets_both_readings():
    pairs = load(f"{RIGHT}:boundaries")
    adapter = lambda given, _: pairs(given.student.offsets, given.teacher.offsets)  # noqa: E731
    _, lines = strange.judged(FAULTY, "unknown", "alignment", ("can_be_called", "ids_permuted"), adapter)
    assert {line.standing for line in lines.values()} == {Standing.HOLDS}


def test_what_overlaps_is_many_to_many_and_allowed():
    _, lines = strange.judged(RIGHT, "overlapping", "alignment", ("text_alignment", "text_kept"))
    assert [lines[name].standing for name in ("text_alignment", "text_kept")] == [
        Standing.ALLOWED,
        Standing.NOT_APPLICABLE,
    ]
    assert "many to many" in lines["text_alignment"].says


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("boundaries", "student_offsets is the student's offsets in characters"),
        ("by_bytes", "student_byte_offsets is the student's offsets in bytes"),
        ("groups", "t_offsets is the teacher's offsets in bytes"),
        ("ranges", "text is the text"),
    ],
)
def test_it_is_told_what_each_argument_was_given(name, told):
    assert told in strange.assumed(RIGHT, name, "alignment")[1]


def test_groups_that_hold_every_token_and_spell_other_bytes_are_broken():
    _, lines = strange.judged(FAULTY, "first_with_first", "alignment", ("text_kept",))
    assert lines["text_kept"].standing is Standing.BROKEN
    assert "spell" in lines["text_kept"].says
