from __future__ import annotations

from dataclasses import replace

from sad_doctor import names
from sad_doctor.views import metrics


def titles(run):
    return [m.title for m in metrics.choices(run, dark=True)]


def test_held_out_text_comes_first_and_a_column_without_a_known_name_last(make):
    run = make.healthy_run()
    run = replace(run, columns={"accuracy": make.column([1, 2], [3, 4]), **run.columns})
    assert titles(run) == [
        "Perplexity", "Bits per byte", "Gradient norm", "Learning rate", "Tokens per second", "accuracy",
    ]  # fmt: skip


def test_the_teacher_is_a_level_beside_the_student(make):
    (perplexity, *_) = metrics.choices(make.healthy_run(), dark=True)
    assert [(s.name, s.kind) for s in perplexity.series] == [("student", "line"), ("teacher", "level")]


def test_the_loss_chart_has_training_and_held_out_loss(make):
    found = metrics.loss(make.sick_run(), dark=True)
    assert [(s.name, s.kind) for s in found] == [("train", "line"), ("held-out", "points")]


def test_a_run_without_a_total_shows_what_there_is(make):
    held = {names.EVAL_LM_LOSS: make.column([1], [2])}
    terms = {names.RAW + "kd": make.column([1], [2]), names.RAW + "lm": make.column([1], [3])}
    run = make.empty_run()
    assert [s.name for s in metrics.loss(replace(run, columns=held), True)] == ["held-out LM"]
    assert [s.name for s in metrics.loss(replace(run, columns=terms), True)] == ["kd", "lm"]
    assert metrics.loss(run, True) == ()
    assert titles(run) == []


def test_a_term_can_be_drawn_over_the_loss(make):
    column = make.column([1], [2])
    assert metrics.loss(make.sick_run(), True, ("kd", column, "#123456"))[-1].column is column
