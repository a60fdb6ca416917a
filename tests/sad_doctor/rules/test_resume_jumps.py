from pathlib import Path

import numpy as np

from sad_doctor import names
from sad_doctor.finding import Finding, Level
from sad_doctor.readers import read
from sad_doctor.record import Recorder
from sad_doctor.rules.resume_jumps import RULE
from sad_doctor.run import Column, Event, Run


def series(start, end, first, last):
    steps = ", ".join(str(s) for s in range(first, last))
    values = ", ".join(f"{start + (end - start) * i / (last - first):.4f}" for i in range(last - first))
    return f"steps: {steps}\ntrain/loss: {values}\n"


def test_steps_that_go_back_are_a_hint_where_the_loss_goes_on(judge):
    (finding,) = judge(RULE, series(9, 4, 0, 100) + series(5, 3, 80, 160))

    assert finding.level == Level.INFO
    assert "20 steps are logged twice" in finding.headline


def test_a_loss_that_jumps_at_the_overlap(judge):
    (finding,) = judge(RULE, series(9, 4, 0, 100) + series(8, 5, 80, 160))

    assert finding.level == Level.WARNING
    assert "resume from step 80" in finding.headline


def test_a_schedule_that_starts_anew(judge):
    text = "event resume @ 100: go on\nsteps: 200\ntrain/loss: 9 -> 4\n"
    rates = ", ".join(["1e-5"] * 100 + ["1e-3"] * 100)

    (finding,) = judge(RULE, f"{text}train/lr: {rates}")
    assert "schedule starts anew" in finding.cause
    assert judge(RULE, f"{text}train/lr: 1e-3 -> 1e-4") == []


def test_a_rate_that_goes_on_line_by_line_is_no_other_schedule(judge):
    """Only the count of the step went back, as where a resume counts epochs of another length."""
    steps = [*range(0, 100), *range(20, 80)]
    rates = [1e-3 * 0.97**i for i in range(160)]
    halves = [(steps[:100], rates[:100]), (steps[100:], rates[100:])]
    log = "".join(
        f"steps: {', '.join(map(str, at))}\ntrain/loss: {', '.join(['2'] * len(at))}\n"
        f"train/lr: {', '.join(f'{one:.3e}' for one in told)}\n"
        for at, told in halves
    )
    (finding,) = judge(RULE, log)
    assert finding.level == Level.INFO
    anew = log.replace(", ".join(f"{one:.3e}" for one in halves[1][1]), ", ".join(["1e-5"] * 60))
    (finding,) = judge(RULE, anew)
    assert "schedule starts anew" in finding.cause


def test_a_log_of_two_runs(judge):
    (finding,) = judge(RULE, series(9, 4, 0, 100) + series(9, 4, 0, 100))

    assert "two runs" in finding.headline
    assert finding.level == Level.INFO


def test_a_run_that_starts_over_without_a_word(judge):
    text = series(5, 2.5, 1, 101) + series(5, 4, 101, 150)
    shift = series(5, 2.5, 1, 101) + series(3.1, 2, 101, 150)

    (finding,) = judge(RULE, text)
    assert "step 101" in finding.headline
    assert judge(RULE, shift) == []


def test_a_term_that_comes_in_is_no_jump_of_the_label_loss(judge):
    text = series(5, 2.5, 1, 101) + series(5, 4, 101, 150)

    assert judge(RULE, f"{text}steps: 149\ntrain/raw/lm: 5 -> 2 ~ 0.05\ntrain/weight/lm: 1") == []


def test_a_loss_that_is_hardly_ever_a_number_is_left_alone(judge):
    steps = ", ".join(str(step) for step in range(60))
    assert judge(RULE, f"steps: {steps}\ntrain/loss: 1, 2, {', '.join(['nan'] * 58)}\n") == []


def _log(step, loss):
    return f"steps: {', '.join(map(str, step))}\ntrain/loss: {', '.join(map(str, loss))}"


def test_starts_are_counted():
    count = 5
    step = np.tile(np.arange(10.0, 130, 10), count)
    crashes = tuple(Event(names.EVENT_WARNING, "CUDA out of memory", 120) for _ in range(count))
    run = Run("a", "b", Path("c"), {names.LOSS: Column(step, 6 - 0.001 * step)}, crashes)

    (finding,) = (one for one in RULE.check(run, RULE.thresholds) if isinstance(one, Finding))
    assert "begins again at step 10 4 times: it holds 5 starts" in finding.headline
    assert "5 times the memory did not suffice" in finding.evidence


def test_two_runs_at_once_have_two_levels_that_never_meet():
    step = np.repeat(np.arange(10.0, 310, 10), 2)
    level = 8 - 0.005 * step + 0.1 * np.random.default_rng(1).normal(size=step.size)

    def told(gap):
        run = Run("a", "b", Path("c"), {names.LOSS: Column(step, level + gap * (np.arange(step.size) % 2))})
        return [one.headline for one in RULE.check(run, RULE.thresholds) if isinstance(one, Finding)]

    assert "two runs at once: 30 steps" in told(4)[0]
    assert told(0) == []  # as of several processes that log the same loss


def test_a_loss_that_falls_as_suddenly_elsewhere_has_another_objective(judge):
    high_first = series(5.2, 5, 1, 31) + series(3.2, 2.9, 31, 81) + series(4.8, 4.2, 81, 150)

    assert judge(RULE, high_first) == []
    assert len(judge(RULE, series(5, 2.5, 1, 101) + series(5, 4, 101, 150))) == 1


def test_the_counter_alone_begins_again(judge):
    (finding,) = judge(RULE, series(9, 5, 1, 100) + series(4.9, 4, 1, 60))
    assert finding.level == Level.INFO
    assert "the counter began anew, not the run" in finding.headline


def _resumed(rates):
    steps = np.arange(1.0, 101.0)
    rate = np.full(100, 1e-3)
    rate[49 : 49 + len(rates)] = rates
    columns = {names.LOSS: Column(steps, np.linspace(9, 4, 100)), names.LEARNING_RATE: Column(steps, rate)}
    run = Run("a", "b", Path("c"), columns, events=(Event(names.EVENT_RESUME, "", 49.0),))
    return [one for one in RULE.check(run, RULE.thresholds) if isinstance(one, Finding)]


def test_a_rate_that_is_warmed_up_anew_is_no_other_schedule():
    assert _resumed([1e-4 * i for i in range(1, 10)]) == []
    (finding,) = _resumed([1e-4] * 51)
    assert "Learning rate" in finding.evidence[-1]


def test_a_count_of_tokens_tells_of_a_resume(judge):
    text = "steps: 60\ntrain/tokens: {}\ntrain/loss: {}"
    tokens = ", ".join(str(480 * (i % 40 + 1)) for i in range(60))
    falls = [6.2 - 0.025 * i + 0.05 * (i % 3) for i in range(40)]
    (finding,) = judge(RULE, text.format(tokens, ", ".join(f"{v:.3f}" for v in [*falls, *falls[:20]])))
    assert "at the resume from step 40 the loss jumps" in finding.headline
    goes_on = ", ".join(f"{6.2 - 0.025 * min(i, 40) + 0.05 * (i % 3):.3f}" for i in range(60))
    assert judge(RULE, text.format(tokens, goes_on)) == []


def _rewound(tmp_path, after, *events):
    steps = [*range(1, 301), *range(251, 401)]
    with Recorder(tmp_path / "run") as record:
        for at, step in enumerate(steps):
            level = 3 + 5 * 0.99 ** (step if at < 300 or not after else 0)
            record.log(step, {names.LOSS: level + 0.02 * (step * 7 % 5)})
            if at == 300:
                for kind in events:
                    record.event(kind, "", 250)
    return [one for one in RULE.check(read(tmp_path / "run"), RULE.thresholds) if isinstance(one, Finding)]


def test_a_run_folder_that_goes_back_without_an_event_is_told_as_a_log_is(tmp_path):
    (finding,) = _rewound(tmp_path, after=False)
    assert (finding.level, finding.numbers) == (Level.INFO, {"twice": 50.0})
    assert "goes back from step 300 to 251: a resume" in finding.headline


def test_where_an_event_tells_of_it_nothing_is_said(tmp_path):
    assert _rewound(tmp_path, False, names.EVENT_RESUME) == []


def test_a_run_folder_that_goes_back_and_jumps(tmp_path):
    (finding,) = _rewound(tmp_path, after=True)
    assert "at the resume from step 251 the loss jumps" in finding.headline


def test_a_load_that_the_first_step_undoes(judge):
    """The first record after it is of what was loaded."""
    before = [11 - 2.7 * min(1, i / 20) + 0.1 * (i % 3) for i in range(40)]
    undone = [8.2, *(11.4 - 0.25 * i + 0.1 * (i % 3) for i in range(20))]
    for after, fires in ((undone, True), ([8.2, 11.4, *before[-19:]], False)):
        log = f"event resume @ 40: go on\nsteps: 61\ntrain/loss: {', '.join(f'{v:.3f}' for v in [*before, *after])}"
        assert [f.level for f in judge(RULE, log)] == [Level.WARNING] * fires


def _thrown(kd):
    lost = [4 - 0.1 * n if n < 20 else 3.9 - 0.1 * (n - 20) for n in range(40)]
    values = {"train/raw/lm": lost, "train/raw/kd": [v if kd else 3 - 0.05 * n for n, v in enumerate(lost)]}
    text = f"steps: {', '.join(str(10 * n) for n in range(40))}\n"
    text += "".join(
        f"{name}: {', '.join(f'{v + 0.01 * (i % 2):.3f}' for i, v in enumerate(v))}\n" for name, v in values.items()
    )
    return text + "train/loss: 7 -> 4 ~ 0.01\n"


def test_a_student_that_is_lost_loses_kd_too(judge):
    """A label loss that jumps alone is another text."""
    (finding,) = judge(RULE, _thrown(kd=True))
    assert "thrown back at step 200" in finding.headline
    assert judge(RULE, _thrown(kd=False)) == []


def test_two_short_runs_in_one_paste_are_no_counter_that_began_anew(judge):
    text = "steps: 1, 2, 3, 4, 5, 1, 2, 3, 4, 5\ntrain/loss: 2.51, 2.29, 2.19, 2.15, 2.11, {}"
    (two,) = judge(RULE, text.format("2.5, 2.28, 2.21, 2.15, 2.1"))
    assert "holds two runs" in two.headline
    (one,) = judge(RULE, text.format("2.1, 2.08, 2.08, 2.07, 2.06"))
    assert "the counter began anew" in one.headline
