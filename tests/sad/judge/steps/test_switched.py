"""A name that is set under a switch and read without it tells the switch."""

from __future__ import annotations

import pytest

from sad.judge.steps.settings import Settings
from sad.judge.steps.switched import needed, stepping


def kept(args):
    if args.keeps_losses and args.rank == 0:
        losses = []
    return losses


def now_and_then(step, config):
    if step % config["log_every"] == 0:
        seen, rate = step, 1
    return seen + rate


def never_set(args):
    if args:
        other = 1
        del other
    return other


@pytest.mark.parametrize(
    ("called", "on"),
    [
        (lambda: kept(Settings("args", {"keeps_losses": False})), {"keeps_losses"}),
        (lambda: now_and_then(1, Settings("config", {})), {"log_every"}),
        (lambda: never_set(1), set()),
    ],
)
def test_the_switch_is_told(called, on):
    with pytest.raises(UnboundLocalError) as error:
        called()
    assert needed(error.value) == on


def test_no_other_error_tells_one():
    assert needed(NameError("cannot access local variable 'losses'")) == frozenset()


def test_the_switch_of_a_step_is_told():
    text = (
        "    if args.do_update and i % config['use_every'] == 0:\n        opt.step()\n    if args.use_ema: ema.update()"
    )
    assert stepping(text) == {"do_update", "use_every"}
    assert stepping("if args.rank == 0:\n    opt.step()\nif args.do_decay:\n    scheduler.step()") == frozenset()
    assert stepping("if args.do_update") == frozenset()
