"""Streams as transformers 5.23 writes them: captured from its ProgressCallback, the times made shorter."""

import math

import numpy as np
import pytest

from sad_doctor import names
from sad_doctor.check import check
from sad_doctor.readers import read
from sad_doctor.readers.progress import find_bar
from sad_doctor.readers.trainer_lines import TrainerLines
from sad_doctor.readers.transcript import Transcript


def bar(at, total=60):
    return f"\r {100 * at // total:2d}%|███▎      | {at}/{total} [00:00<00:00, 97.84it/s]"


WIPED = "\r" + " " * 46 + "\r"
EVALUATION = (
    f"\n{bar(0, 13)}\x1b[A{WIPED}\n{WIPED}\x1b[A"
    "{'eval_loss': '2.103', 'eval_runtime': '1.2', 'eval_samples_per_second': '12', 'epoch': '1'}\n"
    f"{bar(20)}\n{bar(13, 13)}\x1b[A\n{WIPED}\x1b[A{WIPED}"
)


def training(at, loss="2.889", norm="1.2", total=60):
    """A line of the Trainer, before it a bar that was drawn too early, behind it the bar as it stands."""
    row = f"{{'loss': '{loss}', 'grad_norm': '{norm}', 'learning_rate': '3.75e-05', 'epoch': '{at / 20:.4g}'}}\n"
    return bar(max(at - 3, 0), total) + WIPED + row + bar(at, total)


END = (
    WIPED + "{'train_runtime': '12.3', 'train_samples_per_second': '4', 'train_loss': '2.2', 'epoch': '3'}\n" + bar(60)
)


def run_of(write, text):
    return read(write("train.log", text))


def points(column):
    return list(zip(column.step.tolist(), column.value.tolist(), strict=True))


def test_the_step_is_that_of_the_bar_behind_a_line(write):
    run = run_of(write, training(5, "4.115") + training(10, "3.426") + training(15) + training(20) + EVALUATION + END)

    assert points(run.columns[names.LOSS]) == [(5, 4.115), (10, 3.426), (15, 2.889), (20, 2.889)]
    assert points(run.columns[names.EVAL_LOSS]) == [(20, 2.103)]
    assert points(run.columns[names.LEARNING_RATE])[0] == (5, 3.75e-05)
    assert run.facts[names.TOTAL_STEPS] == 60
    assert run.facts[names.STATUS] == "finished"
    assert any("bar drawn behind" in note for note in run.notes)


def test_an_evaluation_before_the_first_step(write):
    run = run_of(write, bar(0) + EVALUATION.replace("20/60", "0/60") + training(5) + training(10))

    assert points(run.columns[names.EVAL_LOSS]) == [(0, 2.103)]
    assert run.columns[names.LOSS].step.tolist() == [5, 10]


def test_bars_with_a_description_are_of_something_else(write):
    run = run_of(write, f"\rMap: 100%|██| 9000/9000 [00:01<00:00, 9it/s]\n{bar(0)}{training(5)}{training(10)}")

    assert run.facts[names.TOTAL_STEPS] == 60


def test_a_nan_that_the_trainer_shows_as_zero_is_seen(write):
    text = "".join(training(i, "2.889" if i < 30 else "0", "1.2" if i < 30 else "nan") for i in range(5, 60, 5))

    report = check(run_of(write, text))
    assert report.stories[0].finding.rule == "R403"
    assert "from step 30 on, after 2.889" in report.stories[0].finding.headline


def test_numbers_of_version_4_are_bare(write):
    text = "".join(training(i) for i in (5, 10)) + training(15, "nan")

    run = run_of(write, text.replace(": '", ": ").replace("', '", ", '").replace("'}", "}"))
    assert run.columns[names.LOSS].value.tolist()[:2] == [2.889, 2.889]
    assert math.isnan(run.columns[names.LOSS].last)


def test_without_bars_the_epoch_is_the_step(write):
    run = run_of(write, "{'loss': '2.5', 'epoch': '0.25'}\n{'eval_loss': '2.4', 'epoch': '0.25'}\n")

    assert points(run.columns[names.LOSS]) == [(0.25, 2.5)]
    assert points(run.columns[names.EVAL_LOSS]) == [(0.25, 2.4)]


@pytest.mark.parametrize(
    "ahead", ["", "***** Running training *****\n  Num Epochs = 2\n  Total optimization steps = 2,000\n"]
)
def test_records_whose_epoch_is_printed_alike_are_all_kept(write, ahead):
    # 10 records in each hundredth of an epoch, as a Trainer without a bar prints them
    lines = [f"{{'loss': {4 - i / 100}, 'epoch': {i // 10 / 100}}}\n" for i in range(100)]
    lines.insert(55, "{'eval_loss': 3.5, 'epoch': 0.05}\n{'eval_loss': 3.4, 'epoch': 0.05}\n")
    run = run_of(write, ahead + "".join(lines) + "ValueError: a shard is broken\n")

    per = 1000 if ahead else 1
    assert run.columns[names.LOSS].value.tolist() == [4 - i / 100 for i in range(100)]
    # the second evaluation counts as a record of its own
    assert len(run.columns[names.EVAL_LOSS]) == 2
    steps = run.columns[names.LOSS].step
    assert (np.diff(steps) > 0).all()
    assert steps[:50] == pytest.approx(np.arange(50) / 1000 * per)
    assert steps[60:90] == pytest.approx(np.arange(60, 90) / 1000 * per)
    crash = next(event for event in run.events if event.kind == names.EVENT_CRASH)
    assert crash.step == steps[-1]


def test_evaluations_alone_have_the_epochs_that_they_print(write):
    run = run_of(write, "".join(f"{{'eval_loss': {4 - i}, 'epoch': {i}.0}}\n" for i in (1, 2, 3)))

    assert points(run.columns[names.EVAL_LOSS]) == [(1, 3), (2, 2), (3, 1)]


def test_without_bars_and_epochs_lines_are_counted(write):
    run = run_of(write, "{'loss': 2.5}\n{'loss': 2.4}\n{'eval_loss': 2.3}\n")

    assert points(run.columns[names.LOSS]) == [(1, 2.5), (2, 2.4)]
    assert points(run.columns[names.EVAL_LOSS]) == [(2, 2.3)]
    assert any("number of the line" in note for note in run.notes)


@pytest.mark.parametrize("line", ["{'model': 'gpt2'}", "{'a': 1, 'b': 2}", "{'loss': 'high'}", "loss: 3", "{}"])
def test_other_lines_are_left_to_others(line):
    lines = TrainerLines()

    assert lines.line(line) is None
    assert lines.notes == ()
    assert lines.facts == {}


def test_two_lines_before_a_bar_lose_nothing():
    lines = TrainerLines()
    found = find_bar(bar(4))
    assert found is not None
    lines.bar(found)

    assert lines.line("{'loss': '2'}") == []
    assert [row.values for row in lines.line("{'eval_loss': '3'}") or []] == [{names.LOSS: 2}]
    assert [(row.step, row.values) for row in lines.bar(found)] == [(4, {names.EVAL_LOSS: 3})]


def test_the_last_line_waits_for_no_bar(write):
    text = training(5) + training(10, "nan")

    for cut in (len(text), text.rindex("\r"), text.rindex("\r") + 9):
        run = run_of(write, text[:cut])
        assert math.isnan(run.columns[names.LOSS].last)
        assert run.columns[names.LOSS].step[-1] == (10 if cut == len(text) else 7)


def test_a_crash_keeps_its_step():
    transcript = Transcript()
    for piece in (training(5) + training(10) + "\nTraceback (most recent call last):\nValueError: no").split("\n"):
        for segment in piece.split("\r"):
            transcript.line(segment)

    told = transcript.snapshot()
    assert [(e.kind, e.step) for e in told.events] == [("crash", 10)]


def lengths(**told: int) -> TrainerLines:
    lines = TrainerLines()
    for what, count in told.items():
        lines.lasts(what.replace("_", " "), count)
    return lines


def test_without_bars_the_epoch_tells_the_step_where_the_length_is_told():
    lines = lengths(Num_Epochs=3, Total_optimization_steps=600)
    rows = [row for i in (10, 20) for row in lines.line(f"{{'loss': 7.1, 'epoch': {i / 200}}}") or []]
    assert lines._places(np.array([row.step for row in rows])).tolist() == [10, 20]
    assert lines.facts == {names.TOTAL_STEPS: 600}
    assert any("their epoch, by the number of steps" in note for note in lines.notes)


def test_a_step_that_is_an_epoch_is_said_and_has_no_length_in_steps():
    lines = lengths(Total_optimization_steps=600)
    rows = lines.line("{'loss': 7.1, 'epoch': 0.05}") or []
    assert lines._places(np.array([row.step for row in rows])).tolist() == [0.05]
    assert lines.facts == {names.STEP_UNIT: "epoch"}


def test_the_length_is_known_before_the_first_line():
    assert lengths(Num_Epochs=3, Total_optimization_steps=600).facts == {names.TOTAL_STEPS: 600}


def test_a_line_that_was_printed_over_a_bar_is_read(write):
    lines = (
        "{'loss': 8.25, 'epoch': 0.0}" + " " * 80 + "| 19/92 [00:03<00:11,  6.29it/s]\n{'loss': 8.5, 'epoch': 0.0}\n"
    )
    assert run_of(write, lines).columns[names.LOSS].value.tolist() == [8.25, 8.5]
