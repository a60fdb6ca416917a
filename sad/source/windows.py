"""Windows of micro-batches, whose gradients are added up: what divides by their number, and what runs in each."""

from __future__ import annotations

import ast
import re

from sad.source.code import Code

WINDOW = re.compile(r"accum\w*(_steps?|_iters?|_batch(es)?)?$", re.IGNORECASE)


def counts_window(of: ast.expr) -> bool:
    """Return whether an expression is called a number of accumulated steps."""
    name = of.attr if isinstance(of, ast.Attribute) else of.id if isinstance(of, ast.Name) else ""
    return WINDOW.search(name) is not None


def is_free(code: Code, of: ast.AST, within: ast.AST) -> bool:
    """Return whether a node of a block runs whenever the block's body begins: under no condition, after no way out."""
    over, at = code.parent.get(id(of)), of
    while over is not None and over is not within:
        if not isinstance(over, (ast.Expr, ast.With, ast.Call, ast.Await)):
            return False
        at, over = over, code.parent.get(id(over))
    body = getattr(within, "body", [])
    before = body[: body.index(at)] if at in body else None
    if over is None or before is None:
        return False
    return not any(isinstance(one, (ast.Continue, ast.Break)) for part in before for one in ast.walk(part))
