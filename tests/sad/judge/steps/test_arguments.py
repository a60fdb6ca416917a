"""What is handed over beside an object of settings is none of them there; the rest is told by names."""

from __future__ import annotations

import inspect

from sad.judge.steps.arguments import arguments, told

VALUES = {"optimizer": object(), "scheduler": object(), "model": object(), "epochs": 3}
VALUES["optimizer_and_scheduler"] = (VALUES["optimizer"], VALUES["scheduler"])


def every(function):
    return list(inspect.signature(function).parameters.values())


def test_settings_have_no_thing_that_is_handed_over_beside_them():
    def of_a_pair(model, args, optimizer_and_lr_scheduler): ...
    def of_a_state(state): ...

    assert set(told(VALUES, every(of_a_pair), alone=False)) == {"epochs", "optimizer_and_scheduler"}
    assert told(VALUES, every(of_a_state), alone=False) == VALUES
    assert "model" not in told(VALUES, every(of_a_state), alone=True)


def test_a_parameter_is_told_by_its_name():
    def train(optimizer_and_lr_scheduler, state, tokens_seen, step, start_step, max_steps=7, lr_rank=None): ...

    known = {**VALUES, "global_step": 0}
    found = arguments(every(train), VALUES, known, of=train, source="", asked=set())
    assert found["optimizer_and_lr_scheduler"] == (VALUES["optimizer"], VALUES["scheduler"])
    assert found["state"]["optimizer"] is VALUES["optimizer"]
    found["state"]["iter_num"] += 1
    assert found["state"]["iter_num"] == 1
    assert (found["tokens_seen"], found["step"], found["start_step"]) == (0, 0, 0)
    assert "max_steps" not in found
    assert "lr_rank" not in found
