"""Names that a function reads before anything sets them, whatever it is given."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
import traceback

UNSET = re.compile(r"local variable '(\w+)'")


def unset(error: BaseException) -> tuple[str, ast.Module, int] | None:
    """Return the name that an error says is not set, the function that read it, and in which of its lines."""
    name = UNSET.search(str(error))
    if not isinstance(error, UnboundLocalError) or name is None:
        return None
    *_, (frame, line) = traceback.walk_tb(error.__traceback__)
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(frame.f_code)))
    except (OSError, SyntaxError):
        return None
    return name[1], tree, line - frame.f_code.co_firstlineno + 1


def never_set(error: BaseException) -> bool:
    """Whether no values of settings or batches set the name in time: it is added to and nothing else (``total += x``),
    or is assigned further down, in the function itself or in one loop of it.
    """
    if (found := unset(error)) is None:
        return False
    name, tree, line = found
    function = tree.body[0]
    if not isinstance(function, ast.FunctionDef) or any(_binds(one, name) for one in ast.walk(function)):
        return False
    loops = [one for one in function.body if isinstance(one, ast.For | ast.While)]
    plain = [one for body in (function.body, *(loop.body for loop in loops)) for one in body]
    sure = [one for one in plain if isinstance(one, ast.Assign | ast.AnnAssign) and one.lineno > line]
    sets = [one for one in ast.walk(tree) if _is_set(one, name)]
    late = {id(part) for one in sure for part in ast.walk(one)}
    added = {id(one.target) for one in ast.walk(tree) if isinstance(one, ast.AugAssign)}
    return all(id(one) in late | added for one in sets)


def _is_set(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name and not isinstance(node.ctx, ast.Load)


def _binds(node: ast.AST, name: str) -> bool:
    """Whether it sets the name otherwise than by assigning it: an import, a function, a handler, a pattern."""
    return not isinstance(node, ast.Name) and name in (getattr(node, "name", None), getattr(node, "asname", None))
