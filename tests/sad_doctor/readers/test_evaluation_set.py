"""Another evaluation set is told, and its losses are not compared with those of the one before."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sad_doctor import names, signals
from sad_doctor.check import check
from sad_doctor.readers import evaluation_set, read
from sad_doctor.run import Column


def rows(size_of):
    """A run whose training falls, and whose evaluation is 1 higher since step 220."""
    for step in range(1, 401):
        yield {"step": step, "loss": 4 - step / 200 + 0.05 * math.sin(7 * step)}
        if step % 20 == 0:
            yield {"step": step, "eval_loss": 3.5 - step / 400 + (step > 200) * 1.0, **size_of(step)}


def log(path, every):
    path.write_text("".join(json.dumps(row) + "\n" for row in every))
    return read(path)


def timed(size):
    return {"eval_runtime": size / 50, "eval_samples_per_second": 50.0}


@pytest.mark.parametrize("size_of", [timed, lambda n: {"eval_samples": n}], ids=["time", "size"])
def test_another_size_is_another_set(size_of, tmp_path):
    same = log(tmp_path / "same.jsonl", rows(lambda _: size_of(500)))
    other = log(tmp_path / "other.jsonl", rows(lambda step: size_of(500 if step <= 200 else 100)))

    assert {f.rule for f in check(same).findings} >= {"R305"}
    assert "R305" not in {f.rule for f in check(other).findings}
    assert other.facts[names.EVALUATED_SINCE] == 220
    assert signals.evaluations(other)[names.EVAL_LOSS].step.min() == 220
    assert any(
        note.startswith("the evaluation set changed at step 220: about 100 samples, 500 before") for note in other.notes
    )
    assert names.EVALUATED_SINCE not in same.facts


@given(st.integers(100, 5000), st.integers(2, 12), st.floats(0.1, 100))
def test_times_of_four_digits_are_no_change(size, count, seconds):
    step = np.arange(count, dtype=float)
    runtime = np.array([float(f"{seconds * (1 + 0.3 * math.sin(n)):.4g}") for n in range(count)])
    pace = np.array([float(f"{size / one:.4g}") for one in runtime])

    assert (
        evaluation_set.changed({"eval_runtime": Column(step, runtime), "eval_samples_per_second": Column(step, pace)})
        is None
    )


def test_of_several_sets_the_first_is_the_evaluation(tmp_path):
    def every():
        for step in range(1, 101):
            yield {"step": step, "loss": 4.0}
            if step % 10 == 0:
                for name, loss in (("task", 3.0), ("code", 9.0)):
                    yield {"step": step, f"eval_{name}_loss": loss, f"eval_{name}_runtime": 3.0}

    run = log(tmp_path / "sets.jsonl", every())

    assert set(run.columns[names.EVAL_LOSS].value) == {3.0}
    assert set(run.columns["logged/eval_code_loss"].value) == {9.0}
    assert evaluation_set.of_a_set("eval_task_loss", {"eval_task_loss", "eval_task_samples_per_second"})
    assert not evaluation_set.of_a_set("eval_task_loss", {"eval_task_loss", "eval_runtime"})


def test_of_several_sets_in_a_console_log_too(write):
    told = "".join(
        f"{{'loss': '2.5', 'epoch': '{n}'}}\n"
        f"{{'eval_wiki_loss': '3.0', 'eval_wiki_runtime': '1.2', 'epoch': '{n}'}}\n"
        f"{{'eval_code_loss': '9.0', 'eval_code_runtime': '1.2', 'epoch': '{n}'}}\n"
        for n in range(1, 5)
    )

    assert set(read(write("train.log", told)).columns[names.EVAL_LOSS].value) == {3.0}
