"""Switches that are off here, and that a step needs on: a name that is set under one and read without it, or the step
of the optimizer itself.
"""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Iterator

from sad.judge.stand_in import FLAGS
from sad.judge.steps.names import KNOWN
from sad.judge.steps.settings import ASIDE, OFTEN
from sad.judge.steps.sources import OPTIMIZES
from sad.judge.unset import unset


def needed(error: BaseException) -> frozenset[str]:
    """Return the settings under which the name is set that an error says is not; none for another error.

    ``if args.save_metrics: losses = []`` before `losses.append(…)`, ``if step % args.log_every == 0: …``.
    """
    if (found := unset(error)) is None:
        return frozenset()
    name, tree, _ = found
    tests = [one.test for one in ast.walk(tree) if isinstance(one, ast.If) and _sets(one.body, name)]
    return frozenset(one for test in tests for one in _settings(test) if _is_switch(one))


def stepping(text: str) -> frozenset[str]:
    """Return the switches of a source under which an optimizer steps: ``if args.do_update: optimizer.step()``."""
    try:
        tree = ast.parse(textwrap.dedent(text))
    except SyntaxError:
        return frozenset()
    tests = [one.test for one in ast.walk(tree) if isinstance(one, ast.If) and _steps(one.body)]
    return frozenset(one for test in tests for one in _settings(test) if one.startswith(FLAGS))


def _steps(body: list[ast.stmt]) -> bool:
    every = [one for statement in body for one in ast.walk(statement) if isinstance(one, ast.Call)]
    return any(OPTIMIZES.search(f"{ast.unparse(one.func)}(") for one in every)


def _sets(body: list[ast.stmt], name: str) -> bool:
    every = [one for statement in body for one in ast.walk(statement)]
    return any(isinstance(one, ast.Name) and one.id == name and isinstance(one.ctx, ast.Store) for one in every)


def _settings(test: ast.expr) -> Iterator[str]:
    for one in ast.walk(test):
        if isinstance(one, ast.Attribute):
            yield one.attr.lower()
        elif isinstance(one, ast.Subscript) and isinstance(one.slice, ast.Constant):
            yield str(one.slice.value).lower()


def _is_switch(name: str) -> bool:
    """Whether it is a switch, or how often something is done on the way: nothing that has a value of its own here."""
    return name not in KNOWN or bool(ASIDE.search(name) or OFTEN.search(name))
