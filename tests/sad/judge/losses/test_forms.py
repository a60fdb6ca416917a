"""The forms in which a loss is tried, and their order."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from sad.judge.losses.call import Call
from sad.judge.losses.forms import forms, of_places
from sad.judge.roles import Space
from sad.judge.target import load, owner

FILE = Path(__file__).parent / "public_styles.py"


@cache
def every(name):
    target = f"{FILE}:{name}"
    return [call.form for call in forms(Call(load(target), owner(target)))]


def test_rows_come_first_for_classes_and_sequences_for_the_rest():
    assert every("ClassifierTrainer.compute_loss")[0].rank == 2
    assert every("TextTrainer.compute_loss")[0].rank == 3


def test_what_is_taken_apart_is_given_as_a_pair_first():
    assert every("TwoHeads")[0].pairs
    assert not every("TwoHeads")[-1].pairs
    assert not any(form.pairs for form in every("unread"))


def test_a_model_may_return_its_logits_alone():
    assert {form.bare for form in every("TwoHeads")} == {False, True}
    assert {form.bare for form in every("unread")} == {False}


def test_logits_that_are_called_probabilities_are_given_as_such_first():
    assert every("Stored.loss")[0].teacher is Space.PROBS
    assert {form.teacher for form in every("unread")} == {Space.LOGITS}


def test_outputs_where_the_source_reads_logits_of_them():
    assert {form.outputs for form in every("heads")} == {False, True}


def test_sequences_come_first_where_states_of_their_two_axes_are_merged():
    def merged(student_hidden, teacher_hidden):
        return (student_hidden.flatten(0, 1) - teacher_hidden.flatten(0, 1)).square().mean()

    def plain(student_hidden, teacher_hidden):
        return (student_hidden - teacher_hidden).square().mean()

    assert [next(forms(Call(loss))).form.rank for loss in (merged, plain)] == [3, 2]


def test_logits_of_an_image_have_four_axes_where_the_source_reads_four_sizes():
    def listed(preds_s, preds_t):
        n, _, h, w = preds_s[0].shape
        return (preds_s[0].softmax(1) - preds_t[0].softmax(1)).square().sum() / (n * h * w)

    def features(feat_s, feat_t):
        n, _, h, w = feat_s.shape
        return (feat_s.softmax(1) - feat_t.softmax(1)).square().sum() / (n * h * w)

    def with_labels(preds_s, preds_t, labels):
        n, _, h, w = preds_s.size()
        return (preds_s.softmax(1) - preds_t.softmax(1))[labels != 255].square().sum() / (n * h * w)

    def clips(student_logits, teacher_logits):
        b, t, s, v = student_logits.shape
        return (student_logits.softmax(-1) - teacher_logits.softmax(-1)).square().sum() / (b * t * s * v)

    assert of_places(Call(listed)) == (True, True)
    assert {of_places(Call(loss)) for loss in (features, with_labels, clips)} == {(False, False)}
    first = next(forms(Call(listed))).form
    assert (first.rank, first.first) == (4, True)
