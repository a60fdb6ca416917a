import math

import numpy as np
import pytest

from sad_doctor import departs, names
from sad_doctor.example import parse

KD, LM = names.RAW + names.KD, names.RAW + names.LM
GOOD = (
    "steps: 120\ntrain/raw/kd: 3 -> 1 -> 0.5 ~ 0.03\ntrain/raw/lm: 4 -> 3 -> 2.5 ~ 0.05\n"
    "train/loss: 7 -> 4 -> 3 ~ 0.08\ntrain/grad_norm: 2 -> 1 ~ 0.1\ntrain/lr: 0.001\n"
    "steps: 0, 15, 30, 45, 60, 75, 90, 105, 119\neval/lm_loss: 4, 3.8, 3.5, 3.2, 3, 2.9, 2.8, 2.6, 2.5\n"
    "eval/raw/kd: 3, 2.4, 2, 1.4, 1, 0.9, 0.7, 0.6, 0.5"
)


def beside(text, good=GOOD):
    here, there = (dict(departs.series(parse(one))) for one in (text, good))
    known = [(name, (here[name].value, here[name].step), (there[name].value, there[name].step)) for name in here]
    found = [one for name, a, b in known if (one := departs.departure(name, a, b, (0, 119))) is not None]
    return departs.speaks_for(found)


def test_noise_is_no_departure():
    assert beside(GOOD) is None
    assert beside(GOOD.replace("0.5 ~ 0.03", "0.55 ~ 0.06")) is None


@pytest.mark.parametrize(
    ("before", "after", "name", "speaks"),
    [
        ("train/lr: 0.001", "train/lr: 0.002", names.LEARNING_RATE, "learning rate"),
        ("kd: 3 -> 1 -> 0.5", "kd: 4 -> 2 -> 1", KD, "in the training alone: another teacher"),
        ("kd: 3 -> 1 -> 0.5", "kd: 3 -> 2 -> 2", KD, "in training, as the evaluation goes along"),
        ("3 -> 2.5 ~ 0.05", "3 -> 1.5 ~ 0.05", LM, "in training, as the evaluation goes along"),
        ("norm: 2 -> 1", "norm: 0.5 -> 0.5", names.GRAD_NORM, "another gradient of the same losses"),
        ("loss: 7 -> 4 -> 3", "loss: 14 -> 8 -> 6", names.LOSS, "another sum of the terms"),
        ("lm: 4 -> 3 -> 2.5", "lm: 6 -> 4.5 -> 4", LM, "labels, smoothing"),
        ("0.7, 0.6, 0.5", "0.2, 0.15, 0.1", names.EVAL_RAW + names.KD, "an evaluation of another kind"),
        ("2.8, 2.6, 2.5", "3.8, 3.8, 3.8", names.EVAL_LM_LOSS, "an evaluation of another kind"),
    ],
)
def test_what_parts_first_and_what_it_speaks_for(before, after, name, speaks):
    assert before in GOOD
    one, why = beside(GOOD.replace(before, after))
    assert one.name == name
    assert speaks in why


@pytest.mark.parametrize(
    ("held_out", "names_it", "speaks"),
    [
        ("3.2, 3.2", names.TEACHER_EVAL_LM_LOSS, "another teacher, a teacher in training mode"),
        ("3, 3", names.TEACHER_LOSS, "other texts or labels in training"),
        ("", names.TEACHER_LOSS, "another teacher, or other texts or labels for it"),
    ],
)
def test_a_teacher_that_parts_comes_before_the_terms(held_out, names_it, speaks):
    told = "steps: 120\n{}\n" + names.TEACHER_LOSS + ": {} ~ 0.02\nsteps: 0, 60\n" + names.TEACHER_EVAL_LM_LOSS + ": {}"
    good = told.format(GOOD, 2, "3, 3") if held_out else told.format(GOOD, 2, "3, 3").rpartition("\nsteps")[0]
    mine = told.format(GOOD.replace("3 -> 1 ->", "4 -> 2 ->"), 3, held_out or "3, 3")
    one, why = beside(mine if held_out else mine.rpartition("\nsteps")[0], good)
    assert one.name == names_it
    assert speaks in why


def test_both_terms_later_are_steps_of_another_kind_and_kd_alone_its_targets():
    kd = GOOD.replace("kd: 3 -> 1 -> 0.5", "kd: 3 -> 2 -> 2").replace("0.9, 0.7, 0.6, 0.5", "1.9, 2, 2, 2")
    assert "targets that are not the good run's" in beside(kd)[1]
    both = kd.replace("3 -> 2.5 ~", "3.5 -> 3.4 ~").replace("2.9, 2.8, 2.6, 2.5", "3.5, 3.5, 3.4, 3.4")
    one, why = beside(both)
    assert "steps of another kind" in why
    assert not one.at_first


def test_a_break_has_its_place():
    step = np.arange(120.0)
    good = np.full(120, 2.0)
    one = departs.departure(LM, (np.where(step < 60, 2.0, 3.0), step), (good, step), (0, 119))
    assert one.parts
    assert one.at_once
    assert 49 <= one.since <= 61
    assert one.gap == pytest.approx(math.log(1.5))
    there_and_back = np.where((step > 40) & (step < 60), 3.0, 2.0)
    assert not departs.departure(LM, (there_and_back, step), (good, step), (0, 119)).parts


def test_what_cannot_be_compared():
    none, step = np.empty(0), np.arange(20.0)
    assert departs.departure(LM, (none, none), (step, step), (0, 19)) is None
    few = np.array([2.0, 4.0, 8.0, 16.0, 32.0])
    assert departs.departure(LM, (few, few), (few[::-1], few), (2, 32)) is None
    signed = departs.departure(names.LOSS, (step - 5, step), (step - 5, step), (0, 19))
    assert not signed.parts
    assert not signed.relative


@pytest.mark.parametrize(("ends", "parts"), [((0.2, 0.3), False), ((2.0, 3.0), True)])
def test_a_total_of_distances_alone_has_the_room_of_a_distance(ends, parts):
    here, there = (f"steps: 120\ntrain/loss: 4 -> {end} -> {end} ~ 0.01" for end in ends)
    assert (beside(here, there) is not None) is parts


def test_a_term_that_only_learns_otherwise_is_not_computed_in_another_way():
    good = GOOD.replace("3 -> 1 -> 0.5 ~ 0.03", "3 -> 0.1 -> 0.1 -> 0.1 ~ 0.001")
    one, why = beside(GOOD.replace("3 -> 1 -> 0.5 ~ 0.03", "3 -> 3 ~ 0.01"), good)
    assert (one.name, one.at_first) == (KD, False)
    assert "computed in another way" not in why


def test_terms_that_begin_alike_leave_the_sum():
    sick = GOOD.replace("loss: 7 -> 4 -> 3", "loss: 5 -> 2 -> 1").replace("0.5 ~ 0.03", "0.9 ~ 0.03")
    text = "{}\nsteps: 0, 15, 30, 45, 60, 75, 90, 105, 119\neval/loss: 7, 6, 5, 4.5, 4, 3.7, 3.5, 3.2, 3"
    one, why = beside(text.format(sick), text.format(GOOD))
    assert one.name == names.LOSS
    assert why.startswith("another sum of the terms in the training alone")
