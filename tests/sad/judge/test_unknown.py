from __future__ import annotations

import os

import pytest

from sad.judge.stand_in import NeedsAdapterError
from sad.judge.unknown import MOST, Unknown, deciding, guessed


def test_it_is_off_and_can_be_written_down_and_passed_on():
    thing = Unknown("run")
    assert not thing
    assert not thing.config.name
    assert f"{thing['config'].name}" == "run.config.name"
    assert f"{thing.config:>12}" == "run.config"
    assert thing.log({"loss": 1.0}) is None
    assert thing != 0
    assert "mixed" not in thing
    assert not hasattr(thing, "__array__")


@pytest.mark.parametrize(
    "use",
    [
        lambda x: x + 1,
        lambda x: 3 % x,
        lambda x: x > 0,
        list,
        lambda x: x[0],
        lambda x: x["lr"] + 1,
        int,
        os.fspath,
        lambda x: x.backward(),
        lambda x: x(),
    ],
)
def test_nothing_is_computed_with_it(use):
    with pytest.raises(NeedsAdapterError, match=r"what run(\.backward|\.lr)? should be cannot be told from the name"):
        use(Unknown("run"))


def test_a_key_that_a_table_lacks_tells_which_setting_is_to_be_told():
    with pytest.raises(KeyError) as raised:
        {"cb": 1}[Unknown("args.task_name")]
    assert guessed(str(raised.value)) == ["task_name"]
    assert guessed("list index out of range") == []


def test_what_writes_down_is_called_in_vain():
    assert not Unknown("args.checkpointer").save(3)
    assert not Unknown("monitor").on_train_batch_end(loss=1.0)
    with pytest.raises(NeedsAdapterError):
        Unknown("optimizers").save(3)


def test_what_a_tracker_answers_is_no_tracker():
    tracker = Unknown("tracker")
    with tracker.timer("step"):
        answer = tracker.observe(loss=1.0)
    assert f"{answer:.3f}" == "tracker.observe"
    for use in (lambda: answer.backward(), lambda: answer + 1, lambda: answer()):
        with pytest.raises(NeedsAdapterError, match=r"what tracker\.observe"):
            use()
    with pytest.raises(NeedsAdapterError, match="what run should be"), Unknown("run"):
        pass


def test_a_loop_does_not_wait_for_it():
    recorder = Unknown("recorder")
    assert not any(recorder.finished() for _ in range(MOST + 1))
    with deciding() as asked:
        assert not any(recorder.finished() for _ in range(MOST))
        with pytest.raises(NeedsAdapterError, match=r"recorder\.finished"):
            bool(recorder.finished())
    assert list(asked) == ["recorder.finished"]
