"""Loops over micro-batches: where gradients are made, used and cleared, and which tests stand before."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from sad.source.code import Code

Loop = ast.For | ast.AsyncFor | ast.While
LOOPS = (ast.For, ast.AsyncFor, ast.While)
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)
ACCUMULATION = re.compile(r"accum|grad_acc|acc_step|accu_step|update_freq|iter_size", re.IGNORECASE)
"""Names of a number of micro-batches per step."""
OPTIMIZER, SCHEDULER = re.compile(r"opt(im|$|_|\d)|optimi[sz]er", re.IGNORECASE), re.compile(r"sched", re.IGNORECASE)
CLIPS = {"clip_grad_norm_", "clip_grad_norm", "clip_grad_value_", "clip_grad_value"}
SHOWN = {"tqdm", "track", "trange", "ProgressBar"}
"""Calls that only show how far a loop is."""
DEEP = 3


@dataclass(frozen=True, slots=True)
class Window:
    """A test that is true at one micro-batch in some: ``counter % size == 0``."""

    test: ast.Compare
    counter: ast.expr
    size: ast.expr
    alone: bool
    """Whether nothing else can make the step happen."""


@dataclass(frozen=True, slots=True)
class Step:
    """An optimizer's step that is taken once in a window; the backward passes of the loop stand outside the test."""

    call: ast.Call
    of: str
    """The optimizer, as it is written."""
    loop: Loop
    backward: tuple[ast.Call, ...]
    window: Window


def windowed(code: Code) -> Iterator[Step]:
    """Yield the steps of windows whose size is named as a number of micro-batches."""
    if ".step(" not in code.text or ".backward(" not in code.text:
        return  # most files have neither
    for call in code.all(ast.Call):
        of = stepped(call)
        loop = loop_of(code, call) if of is not None else None
        if of is None or loop is None:
            continue
        passes = tuple(one for one in within(code, loop, backward) if loop_of(code, one) is loop)
        for window in windows(code, call, loop):
            if accumulates(window.size) and passes and not any(behind(code, one, window, loop) for one in passes):
                yield Step(call, of, loop, passes, window)
                break


def behind(code: Code, node: ast.AST, window: Window, loop: Loop) -> bool:
    """Return whether a node in a loop stands behind a window of the same size, or any other test of its counter."""
    counted = names(window.counter)
    return same_window(code, node, window, loop) or any(
        isinstance(one, ast.If) and (names(one.test) & counted or made_inside(one.test, loop))
        for one in between(code, node, loop)
    )


def made_inside(test: ast.expr, loop: ast.stmt) -> bool:
    """Return whether a test asks for a flag that the loop sets, which may be that of a window."""
    flag = test.operand if isinstance(test, ast.UnaryOp) else test
    made = {one.id for one in ast.walk(loop) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)}
    return isinstance(flag, ast.Name) and flag.id in made


def same_window(code: Code, node: ast.AST, window: Window, loop: Loop) -> bool:
    """Return whether a node in a loop stands behind a window of the same size."""
    return any(ast.unparse(one.size) == ast.unparse(window.size) for one in windows(code, node, loop))


def between(code: Code, node: ast.AST, loop: Loop) -> Iterator[ast.AST]:
    """Yield what a node in a loop stands in, up to the loop."""
    over = code.parent.get(id(node))
    while over is not None and over is not loop:
        yield over
        over = code.parent.get(id(over))


def windows(code: Code, node: ast.AST, loop: Loop | ast.FunctionDef) -> Iterator[Window]:
    """Yield the windows that a node in a loop, or a function, stands behind, the innermost first."""
    below, over = node, code.parent.get(id(node))
    while over is not None and below is not loop:
        if isinstance(over, ast.If) and (below in over.body or below in over.orelse):
            yield from _of_test(code, over.test, held=below in over.body)
            if below in over.body and (full := _of_reset(over)):
                yield full
        for part in ("body", "orelse"):
            block = getattr(over, part, None)
            if isinstance(block, list) and below in block:
                for one in block[: block.index(below)]:
                    if isinstance(one, ast.If) and not one.orelse and isinstance(one.body[-1], ast.Continue):
                        yield from _of_test(code, one.test, held=False)
        below, over = over, code.parent.get(id(over))


def _of_reset(test: ast.If) -> Window | None:
    """Return the window that ``if n == size: …; n = 0`` closes."""
    asked = test.test
    if not (isinstance(asked, ast.Compare) and len(asked.ops) == 1 and isinstance(asked.ops[0], (ast.Eq, ast.GtE))):
        return None
    counter = ast.unparse(asked.left)
    reset = (one for one in test.body if isinstance(one, ast.Assign) and isinstance(one.value, ast.Constant))
    if not any(one.value.value == 0 and ast.unparse(one.targets[0]) == counter for one in reset):  # type: ignore[attr-defined]
        return None
    return Window(asked, asked.left, asked.comparators[0], alone=True)


def _of_test(code: Code, test: ast.expr, *, held: bool, alone: bool = True, deep: int = 0) -> Iterator[Window]:
    """Yield the windows in a test that is true (``held``) or false where the step is taken."""
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        yield from _of_test(code, test.operand, held=not held, alone=alone, deep=deep)
    elif isinstance(test, ast.BoolOp):
        either = isinstance(test.op, ast.Or) is held
        for one in test.values:
            yield from _of_test(code, one, held=held, alone=alone and not either, deep=deep)
    elif isinstance(test, ast.Name) and deep < DEEP:
        made = code.values(test)
        if len(made) == 1 and made[0] is not None:
            yield from _of_test(code, made[0], held=held, alone=alone, deep=deep + 1)
    elif isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.left, ast.BinOp):
        zero = isinstance(test.comparators[0], ast.Constant) and test.comparators[0].value == 0
        taken = isinstance(test.ops[0], ast.Eq if held else ast.NotEq)
        if zero and taken and isinstance(test.left.op, ast.Mod):
            yield Window(test, test.left.left, test.left.right, alone)


def accumulates(size: ast.AST) -> bool:
    """Return whether an expression is named as a number of micro-batches per step."""
    for one in ast.walk(size):
        name = one.value if isinstance(one, ast.Constant) else last_name(one)
        if isinstance(name, str) and ACCUMULATION.search(name):
            return True
    return False


def stepped(call: ast.Call) -> str | None:
    """Return the optimizer, as it is written, of ``optimizer.step()`` or ``scaler.step(optimizer)``; else None."""
    if not isinstance(call.func, ast.Attribute) or call.func.attr != "step":
        return None
    named = [one.value for one in call.keywords if one.arg == "optimizer"]
    for one in (call.func.value, *call.args[:1], *named):
        if is_optimizer(one):
            return ast.unparse(one)
    return None


def is_optimizer(node: ast.AST) -> bool:
    """Return whether a name is an optimizer's."""
    return bool(OPTIMIZER.search(last_name(node))) and not SCHEDULER.search(last_name(node))


def last_name(node: ast.AST) -> str:
    """Return the last name of a chain, ``optimizer`` of ``self.optimizer`` and of ``optimizer["a"]``; "" if none."""
    while isinstance(node, ast.Subscript):
        node = node.value
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def method(call: ast.Call) -> str:
    """Return the last name of what is called."""
    return last_name(call.func)


def backward(call: ast.Call) -> bool:
    """Return whether a call is a backward pass, a tensor's own or by what wraps it."""
    return isinstance(call.func, ast.Attribute) and call.func.attr == "backward"


def by_tensor(call: ast.Call) -> bool:
    """Return whether a backward pass is a tensor's own; what wraps one, ``accelerator.backward(loss)``, may scale."""
    return not call.args


def begins(call: ast.Call) -> ast.expr:
    """Return what a backward pass begins at: the loss of ``loss.backward()``, ``scaler.scale(loss).backward()``."""
    assert isinstance(call.func, ast.Attribute)
    of = call.func.value if by_tensor(call) else call.args[0]
    return of.args[0] if isinstance(of, ast.Call) and method(of) == "scale" and of.args else of


def clears(call: ast.Call) -> bool:
    """Return whether a call clears gradients."""
    return method(call) == "zero_grad" and isinstance(call.func, ast.Attribute)


def clips(call: ast.Call) -> bool:
    """Return whether a call clips gradients, and not only measures them by a limit that none reaches."""
    if method(call) not in CLIPS:
        return False
    limits = [one for one in (*call.args, *(word.value for word in call.keywords)) if isinstance(one, ast.Constant)]
    huge = any(isinstance(one.value, (int, float)) and one.value >= 1e4 for one in limits)
    return not huge and "inf" not in ast.unparse(call)


def schedules(call: ast.Call) -> bool:
    """Return whether a call moves a scheduler on by one step, and is not told to which."""
    held = isinstance(call.func, ast.Attribute) and call.func.attr == "step" and not call.args and not call.keywords
    return held and isinstance(call.func, ast.Attribute) and bool(SCHEDULER.search(last_name(call.func.value)))


def within(code: Code, over: ast.AST, wanted: Callable[[ast.Call], bool]) -> list[ast.Call]:
    """Return the calls of one sort in a statement or function, not those in functions inside it."""
    inside = over if isinstance(over, FUNCTIONS) else code.function(over)
    first, last = getattr(over, "lineno", 0), getattr(over, "end_lineno", 1 << 30)
    calls = (one for one in code.all(ast.Call) if first <= one.lineno <= last and wanted(one))
    return [one for one in calls if code.function(one) is inside]


def loops_of(code: Code) -> Iterator[Loop]:
    """Yield every loop of a file."""
    yield from code.all(ast.For)
    yield from code.all(ast.AsyncFor)
    yield from code.all(ast.While)


def loop_of(code: Code, node: ast.AST) -> Loop | None:
    """Return the innermost loop that a node stands in, in its own function."""
    found = code.above(node, *LOOPS, *FUNCTIONS)
    return found if isinstance(found, LOOPS) else None


def in_test(code: Code, node: ast.AST) -> bool:
    """Return whether a node stands in a test, whose few steps are no training."""
    inside = code.function(node)
    named = isinstance(inside, (ast.FunctionDef, ast.AsyncFunctionDef)) and inside.name.startswith("test")
    return named or Path(code.path).name.startswith("test_")


def index_of(code: Code, loop: Loop) -> tuple[str, bool] | None:
    """Return the name that counts a loop over ``enumerate`` or ``zip(range(n), …)``, and whether from 0; else None."""
    if not isinstance(loop, ast.For):
        return None
    over: ast.expr = loop.iter
    for _ in range(DEEP):
        if isinstance(over, ast.Name) and len(made := code.values(over)) == 1 and made[0] is not None:
            over = made[0]
        if isinstance(over, ast.Call) and over.args and method(over) in SHOWN:
            over = over.args[0]
    if not (isinstance(loop.target, ast.Tuple) and isinstance(loop.target.elts[0], ast.Name)):
        return None
    if isinstance(over, ast.Call) and code.dotted(over.func) == "zip" and over.args and _counts(code, over.args[0]):
        return loop.target.elts[0].id, True
    if not (isinstance(over, ast.Call) and code.dotted(over.func) == "enumerate" and over.args):
        return None
    starts = [*over.args[1:2], *(one.value for one in over.keywords)]
    return loop.target.elts[0].id, all(isinstance(one, ast.Constant) and one.value == 0 for one in starts)


def _counts(code: Code, of: ast.expr) -> bool:
    """Return whether something counts from 0: ``range(n)`` or ``itertools.count()``."""
    if not isinstance(of, ast.Call):
        return False
    name = code.dotted(of.func)
    return (name == "range" and len(of.args) == 1) or (name in {"itertools.count", "count"} and not of.args)


def names(of: ast.AST) -> set[str]:
    """Return the names that are read in an expression."""
    return {one.id for one in ast.walk(of) if isinstance(one, ast.Name)}
