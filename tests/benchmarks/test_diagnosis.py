"""The harness of the measured diagnosis: its faults are real, its logs can be read, its figures count what they say."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from planted import (
    loop,
    measures,
    objective,
    optimisation,
    reported,
    script_logs,
    surroundings,
    targets,
    texts,
    training,
)
from planted.columns import LEVELS, has, kept, trace
from planted.formats import FORMATS, LOGS
from planted.record import Plan, Record, Trace
from planted.verdict import NOTHING, Verdict, judged, show
from planted.worlds import GROUPS, KINDS, LATER, REPORTED, SICK, plan

from sad_doctor import names, read

pytestmark = pytest.mark.usefixtures("raw_teacher")
TINY = Plan(vocabulary=24, width=8, teacher_width=8, length=6, batch=2, steps=12, every=1, evaluate_every=4, texts=16)


@pytest.fixture
def healthy() -> Record:
    return training.Training(TINY).run()


def test_a_healthy_run_learns_and_its_parts_sum(healthy):
    evaluations = healthy.column(names.EVAL_LOSS)

    assert len(set(evaluations)) == len(evaluations) == 4
    assert min(healthy.column(names.UPDATE_RATIO)[:-1]) > 0
    rows = [row for _, _, row in healthy.rows if names.LOSS in row]
    assert len(rows) == TINY.steps
    for row in rows:
        parts = sum(value for name, value in row.items() if name.startswith(names.WEIGHTED))
        assert math.isclose(parts, row[names.LOSS], rel_tol=1e-5)


@pytest.mark.parametrize("fault", [optimisation.NeverSteps, optimisation.StaleOptimizer, optimisation.NoGradient])
def test_what_never_steps_never_moves(fault):
    record = fault(TINY).run()

    assert len(set(record.column(names.EVAL_LOSS))) == 1
    assert set(record.column(names.UPDATE_RATIO)) == {0.0}


def test_faults_do_what_they_say():
    assert objective.RawLayerwise(TINY).run().column(names.RAW + "layerwise")[0] > 1e3
    clamp = surroundings.ClampedPerplexity(replace(TINY, length=20)).run()
    assert set(clamp.column(names.EVAL_PERPLEXITY)) == {math.exp(20)}
    moved = texts.TeacherTrained(TINY)
    before = moved.teacher.head.weight.clone()
    moved.run()
    assert not before.equal(moved.teacher.head.weight)
    assert math.isnan(objective.Nan(TINY).run().column(names.LOSS)[-1])
    assert surroundings.Crash(TINY).run().traceback.count("Error") == 1


def test_later_faults_do_what_they_say():
    assert set(loop.GradientsUnderflow(TINY).run().column(names.GRAD_NORM)) == {0.0}
    steps = [step for step, _, _ in loop.CounterRestarts(TINY).run().rows]
    assert steps != sorted(steps)
    same = targets.TeacherIsTheStudent(TINY).run()
    assert max(abs(kd) for kd in same.column(names.RAW + "kd")) < 1e-5
    over = loop.NewStudentEachEpoch(TINY)
    first = over.student
    over.run()
    assert over.student is not first
    still = loop.OldWeightsAtEvaluation(TINY).run().column(names.EVAL_LM_LOSS)
    assert len(set(still)) == 1
    bits = measures.EvaluationInBits(TINY).run()
    assert bits.column(names.EVAL_LM_LOSS)[0] == pytest.approx(math.log2(bits.column(names.EVAL_PERPLEXITY)[0]))
    padded = targets.PaddingCounts(TINY)
    assert not padded.micro_batch(1)[:, -1].any()


@pytest.mark.parametrize("kind", LATER, ids=lambda kind: kind.__name__)
def test_every_later_kind_trains_and_is_evaluated(kind):
    training = kind(TINY)
    training.before(1)
    training.step_and_log(1)
    training.write(2, training.evaluate(2))

    assert len(training.record.rows) >= 1
    assert names.EVAL_LOSS in training.record.rows[-1][2]
    assert kind.sick == bool(kind.traces)


def test_a_coin_halved_the_later_kinds():
    tuned, judged = GROUPS["tuned"], GROUPS["judged"]
    assert not set(tuned) & set(judged)
    assert {*tuned, *judged} == set(LATER)
    for sick in (True, False):
        assert abs(sum(kind.sick is sick for kind in tuned) - sum(kind.sick is sick for kind in judged)) <= 1
    assert sum(map(len, GROUPS.values())) == len(KINDS)


@pytest.mark.parametrize(("form", "level"), LOGS)
def test_every_log_is_read_as_it_was_meant(healthy, tmp_path, form, level):
    rows = kept(healthy, level, form)

    run = read(FORMATS[form](tmp_path / "log", healthy, rows))

    assert set(run.columns) >= {names.LOSS, names.EVAL_LOSS}
    at, loss = next((step, row[names.LOSS]) for step, _, row in reversed(rows) if names.LOSS in row)
    assert run.columns[names.LOSS].at(at) == pytest.approx(loss, rel=1e-3)
    assert {column.rpartition("/")[2] for column in run.columns} >= ({"kd", "lm"} if level != "bare" else set())


def test_what_a_log_can_show_is_told_by_its_columns(healthy):
    assert "parts" in has(healthy, kept(healthy, "all", "folder"), "folder")
    bare = has(healthy, kept(healthy, "bare", "folder"), "folder")
    assert not bare & {"parts", "kd", "lm", "warnings", "many"}
    traces = (Trace(("parts",), ("term-dominates",)), Trace(("eval",), ("weights-frozen",)))
    assert trace(traces, bare, healthy) is traces[1]
    assert trace(traces[:1], bare, healthy) is None
    never = replace(traces[1], when=lambda _: False)
    assert trace((never,), bare, healthy) is None


def test_a_verdict_is_held_against_the_doctor_only_where_the_log_can_show_it(tmp_path):
    kind = objective.RawLayerwise
    record = kind(TINY).run()
    seen, report, _ = judged(kind, record, 0, "folder", "all", FORMATS["folder"], tmp_path / "a")
    hidden, _, _ = judged(kind, record, 0, "trainer_state", "bare", FORMATS["trainer_state"], tmp_path / "b")

    assert report is not None
    assert seen.expected
    assert not seen.why_not
    assert hidden.why_not == "invisible"
    assert not hidden.wrong


def test_the_figures_count_what_they_say():
    verdicts = [
        Verdict("Crash", True, 0, "folder", "all", ("crash",), "crash", 3),
        Verdict("Crash", True, 1, "folder", "all", ("crash",), "loss-spike", 1),
        Verdict("Crash", True, 1, "table", "parts", (), NOTHING, 0, "invisible"),
        Verdict("Plain", False, 0, "folder", "all", (), "early-plateau", 2),
        Verdict("Plain", False, 0, "table", "all", (), "loss-spike", 1),
    ]

    text = show(verdicts)

    assert "| Crash | 2 | 50.0% | 1 | loss-spike 1 | invisible 1 |" in text
    assert "1 of 2, 50.0% (with a warning or worse: 1)" in text
    assert "1 of 2, 50.0%; runs with any: 1 of 1" in text
    assert [v.wrong for v in verdicts] == [False, True, False, True, False]


def test_the_splits_share_nothing():
    for kind in KINDS:
        ours, theirs = ([plan(kind, split, seed) for seed in range(3)] for split in ("dev", "held-out"))
        for what in ("seed", "steps", "vocabulary", "schedule", "length", "batch"):
            assert not {getattr(p, what) for p in ours} & {getattr(p, what) for p in theirs}, what
    assert len(SICK) >= 20
    assert all(kind.sick for kind in SICK)
    assert {level for _, level in (*LOGS, *script_logs.LOGS)} == set(LEVELS)


@pytest.mark.parametrize("kind", [*REPORTED, *GROUPS["further"]], ids=lambda kind: kind.__name__)
def test_every_reported_kind_trains_and_is_evaluated(kind):
    training = kind(TINY)
    training.before(1)
    training.step_and_log(1)
    training.write(2, training.evaluate(2))

    assert names.EVAL_LOSS in training.record.rows[-1][2]
    assert kind.sick == bool(kind.traces)


def test_reported_faults_do_what_they_say():
    assert set(reported.KdOfOneClass(TINY).run().column(names.RAW + "kd")) == {0.0}
    assert min(reported.MinusOneItems(TINY).run().column(names.RAW + "kd")) < 0
    assert max(reported.InfinityReplaced(replace(TINY, steps=200)).run().column(names.LOSS)) > 65000
    still = reported.ClipToZero(TINY).run()
    assert len(set(still.column(names.EVAL_LM_LOSS))) == 1 < len(set(still.column(names.EVAL_RAW + "layerwise")))
    ranks = reported.EvaluationOverRanks(TINY).run()
    assert 4 * ranks.column(names.EVAL_LM_LOSS)[0] == pytest.approx(math.log(ranks.column(names.EVAL_PERPLEXITY)[0]))
