from __future__ import annotations

import os

import pytest

from sad.judge.stand_in import NeedsAdapterError
from sad.judge.unknown import Unknown, guessed


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
    assert Unknown("args.checkpointer").save(3) is None
    assert Unknown("monitor").on_train_batch_end(loss=1.0) is None
    with pytest.raises(NeedsAdapterError):
        Unknown("optimizers").save(3)
