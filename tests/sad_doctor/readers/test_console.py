import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sad_doctor import names
from sad_doctor.readers import read
from sad_doctor.readers.console import KEPT_LINES, READER, ConsoleLog

SLOW = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
LOGS = ["run1.log", "run2.log", "run3.log", "run4.log", "postmortem.log", "crash_168_160.log"]


def test_the_second_run_as_recorded(runs):
    run = read(runs / "run2.log")
    assert run.columns[names.LOSS].at(1000) == 29.0376
    assert run.columns["train/raw/kd"].at(1000) == 27.4571
    assert run.columns["train/weighted/kd"].at(1000) == 27.4571
    assert run.columns["train/unweighted/kd"].at(1000) == 39.2245
    assert run.columns["train/weight/kd"].at(1000) == 0.7
    assert run.columns["train/raw/lm"].at(1000) == 1.5804
    assert run.columns["progress_bar/loss"].at(999) == 29.0376
    assert len(run.columns[names.LEARNING_RATE]) == 100
    assert not run.columns[names.LEARNING_RATE].value.any()
    for name, value in ((names.EVAL_LOSS, 51.7094), (names.EVAL_PERPLEXITY, 485165195.41)):
        assert run.columns[name].step.tolist() == [499, 999]
        assert run.columns[name].value.tolist() == [value, value]
    assert run.facts[names.TOTAL_STEPS] == 24914
    assert run.facts[names.STATUS] == "unknown"


def test_step_21700_of_the_post_mortem_as_recorded(runs):
    run = read(runs / "postmortem.log")
    parts = {term: column.at(21_700) for term, column in run.terms(names.RAW).items()}
    assert parts == {
        "kd": 10.8479,
        "routing": 0.2710,
        "load_balance": 0.0,
        "attention_alignment": 2.7772,
        "attention": 0.0507,
        "layerwise": 160.5575,
        "contrastive": 0.0200,
        "lm": 2.6176,
    }
    assert math.isclose(sum(parts.values()), run.columns[names.LOSS].at(21_700), abs_tol=1e-9)
    assert run.columns["train/weight/layerwise"].at(21_700) == 0.05
    layerwise = run.columns["train/raw/layerwise"].value
    assert layerwise.min() >= 14.2
    assert layerwise.max() == 160.5575
    assert len(set(run.columns[names.EVAL_LOSS].value.tolist())) == 1
    assert [event.step for event in run.events if event.kind == names.EVENT_EARLY_STOP] == [21_999]
    assert run.facts[names.STATUS] == "finished"


def test_the_third_run_as_recorded(runs):
    run = read(runs / "run3.log")
    assert run.columns[names.LOSS].step.tolist() == [0, 100, 200, 300, 400, 500, 600]
    assert run.columns[names.LOSS].value.tolist() == [28.19, 22.34, 27.64, 27.60, 22.31, 19.97, 28.34]
    assert run.columns[names.EVAL_LOSS].value.tolist() == [28.4074]
    events = {(event.kind, event.step) for event in run.events}
    assert events == {(names.EVENT_NON_FINITE, 436), (names.EVENT_WARNING, 499)}


def test_the_first_and_the_fourth_run_as_recorded(runs):
    first, fourth = read(runs / "run1.log"), read(runs / "run4.log")
    assert first.columns["train/raw/lm"].step.tolist() == [0]
    assert set(first.columns[names.EVAL_LOSS].value.tolist()) == {101.3997}
    kd, feature = first.columns["train/raw/kd"].value, first.columns["train/raw/routing"].value
    assert 30 <= kd.min() <= kd.max() <= 40
    assert 150 <= feature.min() <= feature.max() <= 200
    assert first.columns["train/raw/attention"].value.min() >= 90
    assert first.columns["train/raw/attention"].value.max() <= 140
    assert first.events[-1].kind == names.EVENT_CRASH
    assert "Half != float" in first.events[-1].message
    assert first.last_step == 12_499
    assert fourth.columns["train/unweighted/kd"].at(0) == 37.63
    assert fourth.columns["train/unweighted/kd"].at(500) == 44.69
    assert [event.step for event in fourth.events] == [748]
    assert f"{math.exp(fourth.columns[names.EVAL_LOSS].last):.2e}" == "2.05e+12"
    assert fourth.columns[names.EVAL_PERPLEXITY].last == 2.05e12


def test_the_crash_word_for_word(runs):
    run = read(runs / "crash_168_160.log")
    error = "The size of tensor a (168) must match the size of tensor b (160) at non-singleton dimension 1"
    assert run.events[-1].kind == names.EVENT_CRASH
    assert run.events[-1].message == f"RuntimeError: {error}"
    assert run.facts[names.STATUS] == "crashed"
    assert run.tail[-1].endswith(error)


def test_the_tail_holds_the_last_lines_and_of_a_bar_the_last_drawing(write):
    text = "".join(f"line {index}\n" for index in range(500))
    run = read(
        write(
            "a.log", text + "".join(f"\rEpoch 0:  4%|▍ | {n}/99 [00:01<00:02, 2it/s, loss=1]" for n in range(9)) + "\n"
        )
    )
    assert len(run.tail) == KEPT_LINES
    assert run.tail[-2] == "line 499"
    assert "8/99" in run.tail[-1]


def test_escape_codes_and_tricks_never_come_through(write):
    nasty = "[/nope] [@click=app.quit]x \x1b]0;title\x07 \x1b[2J \u202egnp.exe \x9b31m \x1bPq\x1b\\"
    lines = [f"[Warning] {nasty}", "[TRAIN DEBUG] Step 1, Batch 1", "Raw loss components:", "kd_loss: 1.0", nasty]
    lines += [
        f"\x1b[AEpoch 0:  4%|▍ | 9/99 [00:01<00:02, 2it/s, loss=1.5]{nasty}",
        "Traceback (most recent call last):",
    ]
    run = read(write("a.log", "\n".join([*lines, f"ValueError: {nasty}", ""])))
    text = "".join((*run.tail, *run.columns, *(event.message for event in run.events), *run.notes))
    assert not set(text) & set("\x1b\x07\x9b\u202e")
    assert run.columns[names.LOSS].last == 1.5
    assert run.columns["train/raw/kd"].last == 1.0
    assert "[/nope]" in run.events[0].message


def test_a_megabyte_on_one_line_and_junk_between_do_no_harm(write):
    junk = bytes(range(256)) * 4
    run = read(
        write("a.log", b"[Eval] loss: 5.0\n" + b"x" * 3_000_000 + b"\n" + junk + b"\n[Eval] loss: 4.0, ppl: 54.60\n")
    )
    assert run.columns[names.EVAL_PERPLEXITY].last == 54.60


def test_an_error_that_was_pasted_without_a_line_end_counts(write):
    run = read(write("a.log", 'Traceback (most recent call last):\n  File "a.py", line 1\nValueError: no'))
    assert run.events[-1].message == "ValueError: no"
    assert run.facts[names.STATUS] == "crashed"


@pytest.mark.parametrize("last", ["[Eval] loss: 51.70", "Epoch 0:  4%|▍ | 9/99 [00:01<00:02, 2it/s, loss=1.5]"])
def test_half_a_last_line_waits(write, last):
    path = write("a.log", "[Eval] loss: 60.0\n" + last)
    source = ConsoleLog(path)
    source.poll()
    assert source.run().columns[names.EVAL_LOSS].value.tolist() == [60.0]
    assert names.LOSS not in source.run().columns
    assert "the last line has no end yet: it waits" in source.run().notes
    with path.open("a") as file:
        file.write("94\n")
    source.poll()
    assert "the last line has no end yet: it waits" not in source.run().notes


def test_a_rotated_log_starts_again(write, tmp_path):
    path = write("a.log", "[TRAIN DEBUG] Step 900, Batch 900\n[TOTAL] Loss: 2.0, Components: 6\n")
    source = ConsoleLog(path)
    source.poll()
    path.rename(tmp_path / "a.log.1")
    assert not source.poll()
    write("a.log", "[TRAIN DEBUG] Step 1, Batch 1\n[TOTAL] Loss: 9.0, Components: 6\n")
    assert source.poll()
    assert source.run().columns[names.LOSS].step.tolist() == [1]
    assert len(source.run().tail) == 2


def test_recognition(tmp_path):
    assert READER.recognises(tmp_path / "a", b"hello\nTraceback (most recent call last):\n")
    assert READER.recognises(tmp_path / "a", "50%|█ | 1/2 [00:01<00:02]".encode())
    assert not READER.recognises(tmp_path / "a", b"Call me Ishmael.\n50% of | the | whales 1/2\n")


pieces = st.sampled_from(
    [
        "Epoch 0:  4%|▍ | 9/99 [00:01<00:02, 2it/s, loss=1.5, step=8]",
        "[TRAIN DEBUG] Step 10, Batch 10\n",
        "  Raw loss components:\n    kd_loss: 1.0\n",
        "[KD] Raw: 2.0, Weight: 0.5, Weighted: 1.0\r\n",
        "[Eval] loss: nan, ppl: inf\n",
        "[Warning] lm_loss produced non-finite value (nan)\n",
        "Traceback (most recent call last):\n",
        "ValueError: é\n",
        "\r",
        "\n",
        "\x1b[31m",
    ]
)


@SLOW
@given(parts=st.lists(pieces, max_size=14), places=st.lists(st.integers(0, 10_000), max_size=6))
def test_followed_in_any_slices_it_tells_what_it_tells_whole(parts, places, whole, followed, same, cut):
    data = "".join(parts).encode()
    same(followed(ConsoleLog, cut(data, places)), whole(ConsoleLog, data))


@SLOW
@given(log=st.sampled_from(LOGS), places=st.lists(st.integers(0, 100_000), max_size=4))
def test_the_failed_runs_can_be_cut_at_any_byte_and_followed(log, places, runs, whole, followed, same, cut):
    data = (runs / log).read_bytes()
    slices = cut(data, places)
    same(followed(ConsoleLog, slices[:-1]), whole(ConsoleLog, b"".join(slices[:-1])))
    same(followed(ConsoleLog, slices), whole(ConsoleLog, data))


@SLOW
@given(data=st.data())
def test_cut_at_any_byte_only_the_last_point_can_be_missing(data, runs, whole):
    log = (runs / "run3.log").read_bytes()
    run, full = whole(ConsoleLog, log[: data.draw(st.integers(0, len(log)))]), whole(ConsoleLog, log)
    for name in {names.EVAL_LOSS, names.LEARNING_RATE, "train/weighted/kd"} & set(run.columns):
        np.testing.assert_array_equal(run.columns[name].value, full.columns[name].value[: len(run.columns[name])])


@SLOW
@given(data=st.binary(max_size=500))
def test_junk_raises_nothing(data, whole):
    whole(ConsoleLog, b"[TRAIN DEBUG] Step 1\n" + data + b"\n[Eval] loss: 1.0\n")


@pytest.mark.parametrize("name", LOGS)
def test_a_log_that_windows_wrote_reads_as_any_other(runs, tmp_path, name):
    file = tmp_path / name
    file.write_bytes(b"\xef\xbb\xbf" + (runs / name).read_bytes().replace(b"\n", b"\r\n"))
    there, here = read(file), read(runs / name)
    assert (there.events, there.facts, there.notes) == (here.events, here.facts, here.notes)
    assert sorted(there.columns) == sorted(here.columns)
    for column in here.columns:
        assert np.array_equal(there.columns[column].step, here.columns[column].step)
        assert np.array_equal(there.columns[column].value, here.columns[column].value, equal_nan=True)


def test_the_global_count_is_the_step_beside_one_of_micro_batches(write):
    lines = [
        f"train | epoch   1 | Iter: {4 * i:6d}/ 20000 | global iter: {i:6d}/  5000 | loss: {9 - 0.1 * i:.4f}"
        for i in range(1, 31)
    ]
    run = read(write("run.log", "\n".join(lines) + "\n"))
    assert run.columns[names.LOSS].step.tolist() == list(range(1, 31))
    assert run.facts[names.TOTAL_STEPS] == 5000


def test_deepspeeds_rate_goes_to_the_next_loss_of_the_training(write):
    lines = []
    for i in range(1, 31):
        told = f"step={i}, skipped=0, lr=[{1e-6 * i:.2e}, {1e-6 * i:.2e}], mom=[(0.9, 0.95), (0.9, 0.95)]"
        lines += [f"[2026-11-27 10:00:{i:02d},123] [INFO] [logging.py:96:log_dist] [Rank 0] {told}"]
        lines += [f"step {10 * i} | val_loss: 3.0", f"step {10 * i} | loss: {9 - 0.1 * i:.4f}"]
    run = read(write("run.log", "\n".join(lines) + "\n"))
    assert run.columns[names.LEARNING_RATE].step.tolist() == [10 * i for i in range(1, 31)]
    assert run.columns[names.LEARNING_RATE].value == pytest.approx([1e-6 * i for i in range(1, 31)])


def test_composers_headings_tell_how_many_batches_there_will_be(write):
    lines = [
        text
        for i in range(1, 31)
        for text in (f"[batch={10 * i}/600]:", f"\t Train time/batch: {i}", f"\t Train loss/train/total: {9 - 0.1 * i}")
    ]
    run = read(write("run.log", "\n".join(lines) + "\n"))
    assert run.columns[names.LOSS].step.tolist() == [10 * i for i in range(1, 31)]
    assert run.facts[names.TOTAL_STEPS] == 600
