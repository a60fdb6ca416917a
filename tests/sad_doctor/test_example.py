import numpy as np
import pytest

from sad_doctor.check import check
from sad_doctor.example import examples, parse
from sad_doctor.rules import RULES

BLOCKS = [
    pytest.param(rule, example, id=f"{rule.code}-{example.kind}-{number}")
    for rule in RULES
    for number, example in enumerate(examples(rule.page))
]


@pytest.mark.parametrize(("rule", "example"), BLOCKS)
def test_every_block_of_every_page(rule, example):
    report = check(example.run, (rule,))

    assert not report.crashed
    if example.kind == "fires":
        assert {(f.rule, f.name) for f in report.findings} == {(rule.code, rule.name)}
    else:
        assert report.passed == (rule.code,), report.not_checked


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_every_page_has_both_kinds(rule):
    assert {example.kind for example in examples(rule.page)} == {"fires", "quiet"}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_findings_stay_at_or_below_the_level_of_their_rule(rule):
    fired = [e.run for e in examples(rule.page) if e.kind == "fires"]

    assert all(f.level <= rule.level for run in fired for f in check(run, (rule,)).findings)


def test_steps():
    assert parse("steps: 3\na/b: 1").columns["a/b"].step.tolist() == [1, 2, 3]
    assert parse("steps: 3 every 10\na/b: 1").columns["a/b"].step.tolist() == [10, 20, 30]
    assert parse("steps: 499, 999\na/b: 1").columns["a/b"].step.tolist() == [499, 999]


def test_values():
    columns = parse("steps: 5\na/b: 8 -> 4\na/c: 1 -> 3 -> 1\na/d: nan\na/e: 1, 2, inf, 4, 5\na/f: -inf").columns

    assert columns["a/b"].value.tolist() == [8, 7, 6, 5, 4]
    assert columns["a/c"].value.tolist() == [1, 2, 3, 2, 1]
    assert np.isnan(columns["a/d"].value).all()
    assert columns["a/e"].value.tolist() == [1, 2, np.inf, 4, 5]
    assert columns["a/f"].value.tolist() == 5 * [-np.inf]


def test_noise_is_always_the_same_and_of_the_right_size():
    text = "steps: 2000\na/b: 5 ~ 0.5\na/c: 5 ~ 0.5"
    first, second = parse(text).columns, parse(text).columns

    assert first["a/b"].value.tolist() == second["a/b"].value.tolist()
    assert first["a/b"].value.tolist() != first["a/c"].value.tolist()
    assert first["a/b"].value.std() == pytest.approx(0.5, rel=0.05)


def test_a_column_named_again_goes_on():
    column = parse("steps: 2\na/b: 1\nsteps: 7, 8\na/b: 3, 4").columns["a/b"]

    assert (column.step.tolist(), column.value.tolist()) == ([1, 2, 7, 8], [1, 1, 3, 4])


def test_facts_and_events():
    run = parse("fact total_steps: 100\nfact status: crashed\nevent crash @ 7: Boom: it broke\nevent end: done")

    assert run.facts == {"total_steps": 100.0, "status": "crashed"}
    assert [(e.kind, e.step, e.message) for e in run.events] == [("crash", 7, "Boom: it broke"), ("end", None, "done")]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("train/loss: 5", "steps"),
        ("steps: 3\ntrain/loss: 1, 2", "2 values for 3 steps"),
        ("steps: 3\ntrain/loss: high", "high"),
        ("steps: many", "many"),
        ("hello", "name: value"),
    ],
)
def test_a_line_that_cannot_be_read_is_named(text, says):
    with pytest.raises(ValueError, match=says):
        parse(text)
