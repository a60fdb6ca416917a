from __future__ import annotations

import math
from dataclasses import replace

import torch

from sad import tiny
from sad.align.vocab import VocabMap
from sad.data import Readers
from sad.pair import Pair
from sad.preflight.finding import Level
from sad.preflight.teacher import known_teacher, teacher
from sad.train.step import take_step


def learned(bench, swapped: bool) -> Pair:
    """A pair of which one has learned the text: the teacher, or (swapped) the student."""
    made = bench({"terms": {"kd": {"weight": 0.0}, "layerwise": {"weight": 0.0}}}, of=tiny.pair(320, 320))
    with made.kit() as kit:
        for group in kit.optimizer.param_groups:
            group["lr"] = 1e-2
        batch, learner = kit.collated(made.plan.train), kit.learner
        for _ in range(25):
            take_step(learner, [batch], 1.0)
        state = {name: value.clone() for name, value in kit.distiller.student.state_dict().items()}
    knows = tiny.model(320, layers=2, width=16, seed=2)
    knows.load_state_dict(state)
    fresh = tiny.model(320, layers=2, width=16, seed=5)
    student, its_teacher = (knows, fresh) if swapped else (fresh, knows)
    one = tiny.reader(320)
    return Pair(student, its_teacher.eval().requires_grad_(False), Readers(one, one), VocabMap(one, one))


def test_a_teacher_that_knows_the_text_is_better(bench, wrong) -> None:
    found = list(teacher(bench(of=learned(bench, swapped=False))))
    assert not wrong(found)
    assert any("the teacher is better" in f.says for f in found)


def test_a_temperature_that_leaves_no_preference_is_a_warning_with_its_edit(bench) -> None:
    of = learned(bench, swapped=False)
    for temperature, warned in ((1.0, False), (50.0, True)):
        found = list(teacher(bench({"terms": {"kd": {"temperature": temperature}}}, of=of)))
        told = [f for f in found if "prefers nothing" in f.says]
        assert len(told) == warned
        assert all(f.level is Level.WARNING and f.edits == {"terms.kd.temperature": 1.0} for f in told)
        assert found[0].numbers["softened_entropy"] >= found[0].numbers["teacher_entropy"] - 1e-6
    # without the term the temperature is nobody's
    off = bench({"terms": {"kd": {"temperature": 50.0, "weight": 0.0}}}, of=of)
    assert not any("prefers nothing" in f.says for f in teacher(off))


def test_swapped_models_are_caught_and_the_edit_swaps_them_back(bench, wrong) -> None:
    changes = {"teacher": {"model": "./small"}, "student": {"model": "./large", "tokenizer": "./t"}}
    found = wrong(teacher(bench(changes, of=learned(bench, swapped=True))))
    worse = next(f for f in found if "worse than the student" in f.says)
    assert worse.edits == {
        "teacher.model": "./large",
        "teacher.tokenizer": "./t",
        "student.model": "./small",
        "student.tokenizer": None,
    }
    # where they cannot be exchanged there is advice, and no edit
    found = wrong(teacher(bench(of=learned(bench, swapped=True))))
    worse = next(f for f in found if "worse than the student" in f.says)
    assert not worse.edits
    assert "better teacher" in worse.advice


def test_a_teacher_that_knows_nothing_is_wrong(bench, wrong) -> None:
    """A random teacher is at ln V or above: its tokenizer is not its own, or its weights are broken."""
    found = wrong(teacher(bench()))
    assert "does not know this text" in found[0].says
    assert found[0].numbers["teacher_lm_loss"] > 0.9 * math.log(400)


def test_entropy_is_that_of_the_predictions(bench) -> None:
    pair = learned(bench, swapped=False)
    with torch.no_grad():
        pair.teacher.get_output_embeddings().weight.zero_()
    assert math.isclose(known_teacher(bench(of=pair)).entropy, math.log(tiny.reader(320).size), rel_tol=1e-5)


def test_a_teacher_that_is_sure_of_every_token_is_a_warning() -> None:
    """Logits a thousand times too large, on a text that it knows by heart, are labels and no distribution."""
    from sad.evaluate import Likelihood
    from sad.preflight.teacher import Known, _itself

    found = _itself(Known(Likelihood(10.0, 100, 300), entropy=0.001, softened=0.001), 5.7, {})
    assert found.level is Level.WARNING


def test_a_student_worse_than_guessing_is_wrong(bench, wrong) -> None:
    pair = learned(bench, swapped=False)
    with torch.no_grad():
        pair.student.get_input_embeddings().weight.mul_(200.0)
    found = wrong(teacher(bench(of=pair)))
    assert "worse than guessing" in found[0].says


def test_a_named_student_that_knows_nothing_is_a_warning_and_a_fresh_one_is_not(bench) -> None:
    pair = learned(bench, swapped=False)
    named = list(teacher(bench({"student": {"model": "./trained"}}, of=pair)))[1]
    fresh = list(teacher(bench({"student": {"model": "random:2x64"}}, of=pair)))[1]
    assert (named.level, fresh.level) == (Level.WARNING, Level.FINE)
    assert "ln V" in fresh.says


def test_a_student_that_is_the_teacher_has_nothing_to_learn(bench) -> None:
    pair = learned(bench, swapped=True)
    same = replace(pair, teacher=pair.student)
    twin = tiny.model(320, layers=2, width=16, seed=9)
    twin.load_state_dict(same.teacher.state_dict())
    found = list(teacher(bench(of=replace(same, student=twin, teacher=same.teacher.eval().requires_grad_(False)))))
    assert any("already is the teacher" in f.says for f in found)
