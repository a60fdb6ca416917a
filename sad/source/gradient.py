"""Where no gradient is kept."""

from __future__ import annotations

import ast

from sad.source.code import Code

NONE_KEPT = {"no_grad", "inference_mode"}


def without(code: Code, node: ast.AST) -> bool:
    """Return whether a node stands under ``no_grad`` or ``inference_mode``, by a block or on its function."""
    over = code.parent.get(id(node))
    while over is not None:
        if isinstance(over, (ast.With, ast.AsyncWith)) and any(_none_kept(one.context_expr) for one in over.items):
            return True
        if isinstance(over, (ast.FunctionDef, ast.AsyncFunctionDef)):
            return any(_none_kept(one) for one in over.decorator_list)
        over = code.parent.get(id(over))
    return False


def _none_kept(of: ast.expr) -> bool:
    of = of.func if isinstance(of, ast.Call) else of
    return (of.attr if isinstance(of, ast.Attribute) else of.id if isinstance(of, ast.Name) else "") in NONE_KEPT
