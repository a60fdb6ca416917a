"""Loops over micro-batches: windows, what stands behind them, and how a loop is counted."""

from __future__ import annotations

import ast

import pytest

from sad.source.code import Code
from sad.source.loops import accumulates, clips, index_of, loop_of, loops_of, stepped, windowed, within

LOOP = """
for i, batch in enumerate(loader):
    loss.backward()
    {}
"""


def call(text: str) -> ast.Call:
    made = ast.parse(text, mode="eval").body
    assert isinstance(made, ast.Call)
    return made


@pytest.mark.parametrize(
    ("text", "windows"),
    [
        ("if (i + 1) % accum == 0: optimizer.step()", [("i + 1", True)]),
        ("if (i + 1) % accum == 0 or last: optimizer.step()", [("i + 1", False)]),
        ("if not ((i + 1) % accum != 0 and other): optimizer.step()", [("i + 1", False)]),
        ("if (i + 1) % accum:\n        pass\n    else: optimizer.step()", [("i + 1", True)]),
        ("if (i + 1) % accum != 0:\n        pass\n    else: optimizer.step()", [("i + 1", True)]),
        ("if i % accum == 0: continue\n    optimizer.step()", []),
        ("if i % accum != 0: continue\n    scaler.step(optimizer)", [("i", True)]),
        ("if not i % accum: optimizer.step()", [("i", True)]),
        ("if i % accum == accum - 1: optimizer.step()", [("i + 1", True)]),
        ("n += 1\n    if n == accum:\n        optimizer.step()\n        n = 0", [("n", True)]),
        ("if n == accum: optimizer.step()", []),
        ("now = i % accum == 0\n    if now: optimizer.step()", [("i", True)]),
        ("if i % every == 0: optimizer.step()", []),
        ("if i % accum == 0: scheduler.step()", []),
        ("if i % accum == 0: loss.backward(); optimizer.step()", []),
    ],
)
def test_windows_of_steps(text, windows):
    found = list(windowed(Code(LOOP.format(text), formed=True)))
    assert [(ast.unparse(one.window.counter), one.window.alone) for one in found] == windows


@pytest.mark.parametrize(
    ("over", "index"),
    [
        ("enumerate(loader)", ("i", True)),
        ("enumerate(loader, start=1)", ("i", False)),
        ("tqdm(enumerate(loader, 0), total=3)", ("i", True)),
        ("zip(range(9), loader)", ("i", True)),
        ("zip(a, b)", None),
    ],
)
def test_how_a_loop_is_counted(over, index):
    code = Code(f"bar = {over}\nfor i, batch in {over}:\n    pass\nfor i, batch in bar:\n    pass\n")
    assert [index_of(code, one) for one in loops_of(code)] == [index, index]


def test_whose_step_it_is():
    asked = ("self.optimizer.step()", "scaler.step(opt)", "opt_g[0].step()", "lr_scheduler.step()", "optimizer.zero()")
    assert [stepped(call(one)) for one in asked] == ["self.optimizer", "opt", "opt_g[0]", None, None]


def test_a_limit_that_none_reaches_only_measures():
    assert clips(call("clip_grad_norm_(p, 1.0)"))
    assert not clips(call("clip_grad_norm_(p, max_norm=1e9)"))
    assert not clips(call("clip_grad_norm_(p, math.inf)"))


def test_names_of_a_number_of_micro_batches():
    said = ("args.gradient_accumulation_steps", "cfg['grad_accum']", "update_freq", "log_every", "3")
    assert [accumulates(ast.parse(one, mode="eval").body) for one in said] == [True, True, True, False, False]


def test_functions_in_a_loop_are_their_own():
    code = Code("for x in y:\n    f()\n    def g():\n        f()\n")
    loop = next(loops_of(code))
    inner, outer = (one for one in sorted(code.all(ast.Call), key=lambda one: -one.lineno))
    assert within(code, loop, lambda _: True) == [outer]
    assert loop_of(code, outer) is loop
    assert loop_of(code, inner) is None
