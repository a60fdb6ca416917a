import json

import pytest

from sad_doctor.check import check
from sad_doctor.finding import Level
from sad_doctor.readers import read
from sad_doctor.rule import TooFew
from sad_doctor.rules.throughput_falls import RULE

SLOW = "steps: 120\ntrain/tokens_per_second: 9000 -> 9000 -> 9000 -> {} -> {} -> {} ~ 100\n"


@pytest.mark.parametrize(("end", "level"), [(1500, Level.WARNING), (4000, Level.INFO), (6000, None)])
def test_how_far_it_fell(judge, end, level):
    found = judge(RULE, SLOW.format(end, end, end))

    assert [f.level for f in found] == ([] if level is None else [level])


def test_a_short_run_loses_little(judge):
    (finding,) = judge(RULE, SLOW.format(1500, 1500, 1500) + "time: 1700000000 -> 1700000120")

    assert finding.level == Level.INFO


def test_a_slow_stretch_that_is_over(judge):
    assert judge(RULE, "steps: 120\ntrain/tokens_per_second: 9000 -> 1000 -> 9000 -> 9000") == []


def test_times_tell_the_pace(judge):
    text = "steps: 120\ntrain/loss: 9\ntime: 1700000000 -> 1700000100 -> 1700006000"

    (finding,) = judge(RULE, text)
    assert "steps a second" in finding.headline
    with pytest.raises(TooFew):
        judge(RULE, "steps: 9\ntrain/loss: 9\ntime: 1700000000 -> 1700000100")


def bars(rates):
    return "".join(
        f"\rEpoch 0:  4%|x | {n}/999 [00:01<00:02, {rate:.2f}it/s, loss=2.0, step={n}]"
        for n, rate in enumerate(rates, 1)
    )


@pytest.mark.parametrize(("each", "level"), [(0.05, "WARNING"), (1.5, "INFO")])
def test_the_pace_of_a_progress_bar_is_judged(each, level, tmp_path):
    """A run that lost less than five minutes by it is a hint."""
    log = tmp_path / "train.log"
    log.write_text(bars([each * 10] * 100 + [each] * 60) + "\n")
    (found,) = (f for f in check(read(log)).findings if f.rule == "R503")
    assert found.level.name == level
    assert "steps a second" in found.headline


@pytest.mark.parametrize("key", ["samples_per_second", "train/samples_per_sec", "it/s"])
def test_samples_and_steps_a_second_are_a_pace(key, tmp_path):
    log = tmp_path / "log.jsonl"
    log.write_text(
        "".join(json.dumps({"step": n, "loss": 2.0, key: 90.0 if n < 60 else 10.0}) + "\n" for n in range(120))
    )
    assert "R503" in {f.rule for f in check(read(log)).findings}


def test_an_average_at_the_end_is_no_pace(tmp_path):
    """Hugging Face's Trainer logs one at the end; the times of the records tell more."""
    log = tmp_path / "log.jsonl"
    rows = [{"step": n, "loss": 2.0, "time": 1e9 + n} for n in range(120)]
    log.write_text("".join(json.dumps(row) + "\n" for row in [*rows, {"step": 120, "train_samples_per_second": 3.0}]))
    assert "R503" in check(read(log)).passed


def test_single_slow_records_all_along_are_a_hint(judge):
    speed = ", ".join(["9000", "8900", "9100", "8950", "200"] * 20)
    (finding,) = judge(RULE, f"steps: 100\ntrain/tokens_per_second: {speed}")
    assert finding.level.name == "INFO"
    assert "waits again and again" in finding.headline
    few = ", ".join(["9000"] * 95 + ["200"] * 5)
    assert judge(RULE, f"steps: 100\ntrain/tokens_per_second: {few}") == []


@pytest.mark.parametrize(("slow", "length", "fires"), [(3000, 15, True), (7000, 15, False), (3000, 2, False)])
def test_two_paces_that_take_turns(judge, slow, length, fires):
    pace = ", ".join(str((slow if i // length % 2 else 9000) + 10 * (i % 7)) for i in range(120))
    steps = ", ".join(str(i) for i in range(120))
    found = judge(RULE, f"steps: {steps}\ntrain/tokens_per_second: {pace}")
    assert bool(found) is fires
    assert all("4 stretches" in one.headline for one in found)


@pytest.mark.parametrize(("late", "fires"), [("10, 12, 9", True), ("30, 34, 28", False)])
def test_thirty_records_tell_a_pace_that_fell(judge, late, fires):
    pace = ", ".join(["41, 39, 42"] * 6 + [late] * 4)
    assert bool(judge(RULE, f"steps: 30\ntrain/tokens_per_second: {pace}")) is fires


@pytest.mark.parametrize(("sizes", "fires"), [("8 -> 8 -> 64 -> 64", False), ("8", True)])
def test_larger_batches_take_longer(judge, sizes, fires):
    text = f"steps: 120\ntrain/loss: 9 -> 8\nbatch_size: {sizes}\ntrain/step_seconds: 0.4 -> 0.4 -> 3.2 -> 3.2 ~ 0.01"
    assert bool(judge(RULE, text)) == fires
