import inspect
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sad_doctor import names
from sad_doctor.check import check, tell
from sad_doctor.example import parse
from sad_doctor.finding import Finding, Level
from sad_doctor.rule import Rule, TooFew
from sad_doctor.rules import RULES
from sad_doctor.run import Column, Event, Run
from sad_doctor.views.text import verdict

RUN = parse("steps: 4\ntrain/loss: 9 -> 8")


def finding(code, name="", level=Level.ERROR, first=None):
    return Finding(code, name or code.lower(), level, f"{code} is seen", (), "", "", first_step=first)


def rule(code, found=(), needs=(), thresholds=None):
    def judge(_run, _t):
        if isinstance(found, Exception):
            raise found
        yield from found

    return Rule(code, code.lower(), Level.ERROR, "A page", needs, judge, thresholds or {})


def test_every_rule_ends_in_exactly_one_place():
    rules = (
        rule("R101", [finding("R101")]),
        rule("R102"),
        rule("R103", TooFew("too little")),
        rule("R104", needs=("train/lr", "eval/loss|eval/lm_loss")),
        rule("R105", ValueError("broken")),
    )

    report = check(RUN, rules)

    assert [f.rule for f in report.findings] == ["R101"]
    assert report.passed == ("R102",)
    assert [(n.rule, n.reason) for n in report.not_checked] == [
        ("R103", "too little"),
        ("R104", "the log has no train/lr, no eval/loss or eval/lm_loss"),
    ]
    assert [(c.rule, c.error) for c in report.crashed] == [("R105", "ValueError: broken")]


def test_text_of_a_crashed_rule_is_clean():
    report = check(RUN, (rule("R101", ValueError("\x1b[2Jgone")),))

    assert report.crashed[0].error == "ValueError: gone"


def test_what_a_cause_explains_is_folded_under_it_through_others():
    found = [finding("R302"), finding("R401"), finding("R301"), finding("R201")]

    stories = tell(found, {"r201": ("r301",), "r301": ("r302",)})

    assert [(s.finding.rule, [c.rule for c in s.consequences]) for s in stories] == [
        ("R401", []),
        ("R201", ["R301", "R302"]),
    ]


def test_errors_come_before_warnings_whatever_their_code():
    stories = tell([finding("R101", level=Level.WARNING), finding("R304"), finding("R501")], {})

    assert [s.finding.rule for s in stories] == ["R501", "R304", "R101"]


def test_a_warning_that_explains_an_error_stands_among_the_errors():
    found = [finding("R102", level=Level.WARNING), finding("R303"), finding("R204", level=Level.WARNING)]

    stories = tell([*found, finding("R301")], {"r102": ("r303",)})

    assert [s.finding.rule for s in stories] == ["R301", "R102", "R204"]


def test_a_term_that_owns_the_loss_explains_a_total_that_is_too_high():
    run = parse("steps: 100 every 100\ntrain/loss: 30\ntrain/weighted/attention: 26\ntrain/weighted/kd: 4 ~ 0.1")

    (story,) = check(run).stories
    assert [story.finding.rule, *(c.rule for c in story.consequences)] == ["R203", "R201", "R313"]


def test_a_cause_does_not_explain_what_began_before_it():
    explains = {"r101": ("r201",)}

    early = tell([finding("R101", first=900), finding("R201", first=100)], explains)
    late = tell([finding("R101", first=100), finding("R201", first=900)], explains)

    assert [len(s.consequences) for s in early] == [0, 0]
    assert [len(s.consequences) for s in late] == [1]


def test_a_hint_is_no_cause_of_an_alarm():
    hint, alarm = finding("R101", level=Level.INFO), finding("R201")

    stories = tell([hint, alarm], {"r101": ("r201",)})

    assert [s.finding.rule for s in stories] == ["R201", "R101"]


def test_rules_that_explain_each_other_make_one_story():
    explains = {"r401": ("r403",), "r403": ("r401",)}

    (story,) = tell([finding("R403"), finding("R401")], explains)

    assert story.finding.rule == "R401"


@given(st.permutations(["R101", "R102", "R201", "R303", "R502", "R501"]))
def test_stories_do_not_depend_on_the_order_of_findings(order):
    by_name = {rule.name: rule.code for rule in RULES}
    name_of = {code: name for name, code in by_name.items()}
    found = [finding(code, name_of[code]) for code in order]

    stories = tell(found)

    assert [(s.finding.rule, [c.rule for c in s.consequences]) for s in stories] == [
        ("R101", ["R102", "R201", "R303"]),
        ("R501", []),
        ("R502", []),
    ]


def test_thresholds_are_changed_by_code_or_name():
    run = parse("steps: 20\ntrain/weighted/a: 85\ntrain/weighted/lm: 15")

    assert [f.rule for f in check(run).findings] == ["R203", "R506"]
    for key in ("R203", "term-dominates"):
        assert "R203" in check(run, thresholds={key: {"share": 0.9}}).passed


@pytest.mark.parametrize(
    ("thresholds", "says"),
    [({"R999": {}}, "no red flag R999"), ({"R203": {"sahre": 1.0}}, "no threshold sahre; it has")],
)
def test_thresholds_that_do_not_exist_are_an_error(thresholds, says):
    with pytest.raises(ValueError, match=says):
        check(RUN, thresholds=thresholds)


def test_an_empty_run_is_not_healthy():
    report = check(Run("empty", "test", Path("empty")))

    assert report.passed == report.stories == report.crashed == ()
    assert len(report.not_checked) == len(RULES)


NUMBERS = st.one_of(
    st.floats(0, 100),
    st.sampled_from(
        [0.0, 1.0, 51.7094, 485165195.41, math.exp(20), math.nan, math.inf, -math.inf, 1e308, -5.0, 1e-300]
    ),
)
TERMS = ("train/raw/", "train/weight/", "train/weighted/", "eval/raw/")
SERIES = ("train/loss", "train/lr", "train/grad_norm", "train/update_ratio", "eval/loss", "eval/lm_loss", "eval/kl")
MORE = (
    *(names.LENGTH, names.COVERAGE, names.TEACHER_LOSS, names.TEACHER_ENTROPY, names.TEACHER_EVAL_LM_LOSS),
    *(names.EVAL_BITS_PER_BYTE, names.TEACHER_EVAL_BITS_PER_BYTE, names.TIME),
    *(names.MEMORY, names.TOKENS_PER_SECOND, names.EVAL_MAPPED, names.GRAD_SHARE + "kd", names.GRAD_SHARE + "lm"),
)
COLUMNS = st.sampled_from(
    [
        *SERIES,
        *MORE,
        names.EVAL_PERPLEXITY,
        "other",
        *(prefix + term for prefix in TERMS for term in ("kd", "lm", "layerwise")),
    ]
)


@st.composite
def runs(draw):
    columns = {}
    for name in draw(st.sets(COLUMNS)):
        points = draw(st.lists(st.tuples(st.integers(0, 9000), NUMBERS), max_size=70))
        if draw(st.booleans()):
            points = [(s, points[0][1]) for s, _ in points]
        columns[name] = Column(np.array([float(s) for s, _ in points]), np.array([float(v) for _, v in points]))
    kinds = [names.EVENT_CRASH, names.EVENT_WARNING, names.EVENT_NON_FINITE, names.EVENT_EARLY_STOP, "else"]
    event = st.builds(Event, st.sampled_from(kinds), st.text(max_size=40), st.none() | st.floats(0, 9000))
    facts = {
        names.TOTAL_STEPS: draw(st.sampled_from([0, 1, 5000, 10000, math.nan, -1, "many"])),
        names.VOCABULARY_SIZE: draw(st.sampled_from([None, 0, 192, 49152, math.nan, math.inf, -3])),
        names.TEACHER_VOCABULARY_SIZE: draw(st.sampled_from([None, 0, 300, math.nan, math.inf, -3])),
    }
    return Run("any", "test", Path("any"), columns, tuple(draw(st.lists(event, max_size=4))), facts)


def garbage(rng, count):
    """A series long enough for every rule: constants, lines, noise of any size, and numbers that overflow."""
    odd = [0.0, 1.0, 5.02917, -3.0, math.nan, math.inf, -math.inf, 1e308, 1e-320]
    made = [
        np.full(count, rng.choice(odd)),
        np.linspace(rng.uniform(-2, 10), rng.uniform(-2, 10), count),
        rng.standard_normal(count) * 10 ** rng.uniform(-8, 8),
        np.linspace(9, 2, count) + 0.1 * rng.standard_normal(count),
        rng.choice(odd, count),
    ]
    return made[rng.integers(len(made))]


@pytest.mark.parametrize("seed", range(16))
def test_long_garbage_makes_no_rule_crash(seed):
    rng = np.random.default_rng(seed)
    terms = [prefix + term for prefix in (*TERMS, names.GRAD_SHARE) for term in ("kd", "lm", "layerwise")]
    columns = {}
    for name in (*SERIES, *MORE, *terms, names.EVAL_PERPLEXITY):
        if rng.random() < 0.6:
            count = int(rng.choice([1, 2, 12, 60, 250]))
            columns[name] = Column(np.arange(count) * float(rng.choice([1, 10])), garbage(rng, count))
    facts = {names.TOTAL_STEPS: float(rng.choice([0, 300, math.nan])), names.VOCABULARY_SIZE: 128.0, "clip": 1.0}

    report = check(Run("any", "test", Path("any"), columns, (Event(names.EVENT_RESUME, "", 100.0),), facts))

    assert report.crashed == ()
    assert all(f.level <= rule.level for f in report.findings for rule in RULES if rule.code == f.rule)


@settings(max_examples=120, deadline=None)
@given(runs())
def test_no_run_makes_a_rule_crash_and_every_rule_is_accounted_for(run):
    report = check(run)

    assert report.crashed == ()
    told = {f.rule for f in report.findings} | set(report.passed) | {n.rule for n in report.not_checked}
    assert told == {rule.code for rule in RULES}
    assert check(replace(run, name="again")) == report or "nan" in repr(report)
    for f in report.findings:
        assert f.headline.endswith((".", ":")) or f.rule == "R403"
        assert all(f.evidence)
        assert f.cause
        assert f.remedy


def test_steps_that_are_epochs_are_called_so():
    run = replace(
        parse("steps: 60\ntrain/loss: 9.9314\ntrain/grad_norm: 1.2 -> 0.6 ~ 0.1"), facts={names.STEP_UNIT: "epoch"}
    )
    (finding,) = [one.finding for one in check(run).stories if one.finding.name == "number-stale"]

    assert any("Epochs 1 to 60" in line for line in finding.evidence)


def test_a_loss_of_exactly_0_comes_before_the_weights_that_it_does_not_move():
    stories = check(parse("steps: 60\ntrain/loss: 0\ntrain/grad_norm: 0\ntrain/lr: 1e-3")).stories

    assert stories[0].finding.name == "non-finite-hidden"
    assert "weights-frozen" in [one.name for one in stories[0].consequences]


@pytest.mark.parametrize("given", ["runs/mine", Path("runs/mine"), None])
def test_what_is_no_run_is_refused_by_its_type(given):
    with pytest.raises(TypeError, match=rf"as read\(path\) returns it, not {type(given).__name__}$"):
        check(given)


def test_help_on_it_is_not_the_pages_of_all_rules():
    assert len(str(inspect.signature(check))) < 200
    assert len(repr(RULES[0])) < 600
    assert (
        check(Run("mine", "csv", Path("mine"), {})).not_checked
        == check(Run("mine", "csv", Path("mine"), {}), RULES).not_checked
    )


@pytest.mark.parametrize(
    ("log", "little"),
    [
        ("steps: 1\ntrain/loss: 9", "1 record of a loss, and no evaluation"),
        ("steps: 2\ntrain/raw/kd: 9\ntrain/lr: 1", "2 records of a loss, and no evaluation"),
        ("steps: 4\ntrain/loss: 9, nan, nan, 8", ""),
        ("steps: 1\ntrain/lr: 9", "1 record, and no evaluation"),
        ("steps: 1\nmy_loss: 9", "1 record of a loss, and no evaluation"),
        ("steps: 3\ntrain/loss: 9", ""),
        ("steps: 1\ntrain/loss: 9\neval/loss: 8", ""),
        ("steps: 3\ntrain/lr: 9", ""),
    ],
)
def test_a_record_or_two_are_no_health(log, little):
    report = check(parse(log))
    assert report.little == little
    assert not (report.judged and little)
    assert verdict(report).startswith("Too little to judge: " + little) or not little
