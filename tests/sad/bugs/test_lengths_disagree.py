from dataclasses import replace

import numpy as np
import pytest
import torch

from sad.align import example, reader, spans
from sad.align.reader import Reader
from sad.align.spans import Common
from sad.bugs.lengths_disagree import BUG
from sad.data import batches
from sad.terms import View, teacher
from sad.verify.battery import run

CRASH = "The size of tensor a (168) must match the size of tensor b (160) at non-singleton dimension 1"


@pytest.fixture(scope="module")
def found():
    return next(run([BUG]))


def test_verify_catches_it_word_for_word_and_finds_it_absent(found):
    assert found.caught
    assert found.absent
    assert [verdict.says for verdict in found.reproduced] == [CRASH]
    assert BUG.issue == "Issue #2: Sequence Length Alignment"


def test_the_cut_runs_and_compares_other_text_at_nine_tenths_of_the_pairs(found):
    (verdict,) = found.attempts["cut both to the shorter"]
    assert not verdict.holds
    assert "raised" not in verdict.numbers
    assert verdict.says.startswith("90% of 160 pairs end at different bytes (168 and 160 tokens)")


def cut(student, teacher):
    both = np.arange(min(len(student.ids), len(teacher.ids)))
    return Common(both, both, student.ends[both])


def late(student, teacher):
    right = spans.Common(*common(student, teacher))
    return Common(right.student[:-1], right.teacher[:-1] + 1, right.end[:-1])


def sparse(student, teacher):
    return Common(*(axis[::2] for axis in common(student, teacher)))


def common(student, teacher, shipped=spans.common):
    found = shipped(student, teacher)
    return found.student, found.teacher, found.end


@pytest.mark.parametrize("faulty", [cut, late, sparse])
def test_a_faulty_alignment_in_the_code_that_trains_is_named(monkeypatch, faulty, judged):
    monkeypatch.setattr(spans, "common", faulty)
    found = judged(BUG)
    assert not found.absent


def by_number(states, at):
    return states[at.row, at.student.clamp(max=states.shape[1] - 1)]


def first_rows(view):
    return torch.arange(len(view.batch.boundaries))


@pytest.mark.parametrize(
    ("of", "name", "faulty"), [(teacher, "teacher_rows", by_number), (View, "compared_rows", first_rows)]
)
def test_a_term_that_leaves_the_alignment_is_named(monkeypatch, of, name, faulty, judged):
    monkeypatch.setattr(of, name, faulty)
    found = judged(BUG)
    assert not found.absent
    assert "end at different bytes" in found.fixed[0].says


def test_a_place_of_another_text_is_named(monkeypatch, judged):
    def mixed(examples, readers, shipped=batches.collate):
        batch = shipped(examples, readers)
        at = batch.boundaries
        first = at.target - at.target[at.row.searchsorted(at.row)]
        return replace(batch, boundaries=replace(at, target=first))

    monkeypatch.setattr(batches, "collate", mixed)
    found = judged(BUG)
    assert not found.absent


def test_a_loss_that_crashes_in_the_training_step_is_named(monkeypatch, judged):
    def crash(*_):
        raise RuntimeError(CRASH)

    monkeypatch.setattr("sad.losses.kd.rows", crash)
    found = judged(BUG)
    assert not found.absent
    assert found.fixed[0].says == CRASH


@pytest.mark.parametrize(
    ("side", "says"), [("at_teacher", "a begin mark for the teacher"), ("at_student", "a begin mark for the student")]
)
def test_a_begin_mark_that_is_not_counted_is_named(monkeypatch, found_in_the_code_that_trains, side, says):
    def uncounted(window, readers, learned, shipped=example.assemble):
        right = shipped(window, readers, learned)
        both = readers.student.prefix and readers.teacher.prefix
        prefix = (readers.student if side == "at_student" else readers.teacher).prefix
        return right if both or not prefix else replace(right, **{side: getattr(right, side) - len(prefix)})

    monkeypatch.setattr(example, "assemble", uncounted)
    assert says in found_in_the_code_that_trains(BUG)


def test_later_windows_that_are_off_are_named(monkeypatch, found_in_the_code_that_trains):
    def late(student, teacher, shared, which, origin, shipped=spans._window):
        right = shipped(student, teacher, shared, which, origin)
        return right if which.start == 0 else replace(right, at_teacher=np.maximum(right.at_teacher - 1, 0))

    monkeypatch.setattr(spans, "_window", late)
    assert "32 at a time" in found_in_the_code_that_trains(BUG)


def test_spans_that_are_off_by_a_character_are_named(monkeypatch, found_in_the_code_that_trains):
    shipped, calls = reader.ends_from_spans, []

    def late(text, spans):
        calls.append(None)
        right = shipped(text, spans)
        # of one model only, and where it ends no two tokens at one byte
        free = right + 1 < np.append(right[1:], right[-1:])
        return right + free * (len(calls) % 2)

    monkeypatch.setattr(reader, "ends_from_spans", late)
    assert "(in lower case)" in found_in_the_code_that_trains(BUG)


def test_an_end_mark_in_every_window_is_named(monkeypatch, found_in_the_code_that_trains):
    assemble = example.assemble
    monkeypatch.setattr(example, "assemble", lambda window, *others: assemble(replace(window, closes=True), *others))
    assert "an end mark stands where the text goes on" in found_in_the_code_that_trains(BUG)


def test_a_wrapper_whose_places_are_not_taken_is_named(monkeypatch, found_in_the_code_that_trains):
    def compiled(self, texts):
        return [(text, one.ids, one.offsets) for text, one in zip(texts, self._encoded(texts), strict=True)]

    monkeypatch.setattr(Reader, "_wrapped", compiled)
    assert "(one in lower case before its tokenizer is asked)" in found_in_the_code_that_trains(BUG)
