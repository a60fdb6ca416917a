"""One form for what Python and PyTorch let one write in many ways: operators for calls, a number on the right.

``a.mul(b)`` and ``torch.mul(a, b)`` are ``a * b``, ``a * (1 / b)`` is ``a / b``; ``a.ne(b)`` and ``~(a == b)`` are
``a != b``, ``0 == a`` is ``a == 0``; ``not i % n`` is ``i % n == 0``, ``i % n == n - 1`` is ``(i + 1) % n == 0``;
``n * [a]`` and ``[a for _ in range(n)]`` are ``[a] * n``. What changes a tensor in place, ``a.div_(b)``, stays a
call: it is another thing.
"""

from __future__ import annotations

import ast

ARITHMETIC: dict[str, type[ast.operator]] = {
    **{"mul": ast.Mult, "multiply": ast.Mult, "div": ast.Div, "divide": ast.Div, "true_divide": ast.Div},
    **{"add": ast.Add, "sub": ast.Sub, "subtract": ast.Sub, "pow": ast.Pow},
}
COMPARISONS: dict[str, type[ast.cmpop]] = {
    **{"eq": ast.Eq, "ne": ast.NotEq, "not_equal": ast.NotEq, "lt": ast.Lt, "le": ast.LtE, "gt": ast.Gt, "ge": ast.GtE},
}
OF_OTHERS = {"add", "sub", "pow"}
"""Methods of what is no tensor as well, a set's ``add``: these are operators only as functions of a module."""
MODULES = {"torch", "np", "numpy", "operator"}
TURNED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    **{ast.Eq: ast.Eq, ast.NotEq: ast.NotEq, ast.Lt: ast.Gt, ast.Gt: ast.Lt, ast.LtE: ast.GtE, ast.GtE: ast.LtE},
}


def common(node: ast.AST, over: ast.AST) -> ast.AST:
    """Return the common form of a node that stands in ``over``; the node itself where it has that form."""
    form: ast.AST | None = None
    if isinstance(node, ast.Call):
        form = _operator(node)
    elif isinstance(node, ast.Compare):
        form = _turned(node) or _of_next(node)
    elif isinstance(node, ast.UnaryOp):
        form = _negated(node)
    elif isinstance(node, ast.BinOp):
        form = _times(node)
        if _is_test(node, over):
            form = ast.Compare(node, [ast.NotEq()], [ast.copy_location(ast.Constant(0), node)])
    elif isinstance(node, ast.ListComp):
        form = _repeated(node)
    elif isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Mult) and (by := _inverse(node.value)):
        form = ast.AugAssign(node.target, ast.Div(), by)
    return node if form is None else ast.copy_location(form, node)


def whole(statement: ast.AugAssign) -> ast.BinOp | None:
    """Return what ``a += b`` gives ``a``, as ``a + b``; None where ``a`` is no name."""
    if not isinstance(statement.target, ast.Name):
        return None
    before = ast.copy_location(ast.Name(statement.target.id, ast.Load()), statement.target)
    return ast.copy_location(ast.BinOp(before, statement.op, statement.value), statement)


def _operator(call: ast.Call) -> ast.expr | None:
    """Return ``a * b`` of ``a.mul(b)``, ``torch.mul(a, b)`` or ``a.mul(other=b)``."""
    func = call.func
    if not isinstance(func, ast.Attribute) or (func.attr not in ARITHMETIC and func.attr not in COMPARISONS):
        return None
    if any(one.arg not in {"input", "other"} for one in call.keywords):
        return None
    of_module = isinstance(func.value, ast.Name) and func.value.id in MODULES
    if not of_module and (func.attr in OF_OTHERS or getattr(func.value, "id", "") in {"self", "cls"}):
        return None
    sides = [*([] if of_module else [func.value]), *call.args, *(one.value for one in call.keywords)]
    if len(sides) != 2 or any(isinstance(one, ast.Starred) for one in sides):
        return None
    if func.attr in ARITHMETIC:
        return ast.BinOp(sides[0], ARITHMETIC[func.attr](), sides[1])
    return _put(ast.Compare(sides[0], [COMPARISONS[func.attr]()], [sides[1]]), call)


def _times(of: ast.BinOp) -> ast.BinOp | None:
    """Return ``a / b`` of ``a * (1 / b)``, ``[a] * n`` of ``n * [a]``."""
    if not isinstance(of.op, ast.Mult):
        return None
    if isinstance(of.right, ast.List) and not isinstance(of.left, ast.List):
        return ast.BinOp(of.right, ast.Mult(), of.left)
    for side, other in ((of.right, of.left), (of.left, of.right)):
        if (by := _inverse(side)) is not None:
            return ast.BinOp(other, ast.Div(), by)
    return None


def _inverse(of: ast.expr) -> ast.expr | None:
    """Return ``b`` of ``1 / b``."""
    if not (isinstance(of, ast.BinOp) and isinstance(of.op, ast.Div) and isinstance(of.left, ast.Constant)):
        return None
    return of.right if of.left.value == 1 else None


def _repeated(of: ast.ListComp) -> ast.BinOp | None:
    """Return ``[a] * n`` of ``[a for _ in range(n)]``, where ``a`` is a number or a name."""
    (each, *more) = of.generators
    walked = each.iter
    plain = not more and not each.ifs and isinstance(each.target, ast.Name) and isinstance(walked, ast.Call)
    if not plain or not isinstance(walked, ast.Call) or not isinstance(walked.func, ast.Name):
        return None
    constant = _is_number(of.elt) or (isinstance(of.elt, ast.Name) and of.elt.id != getattr(each.target, "id", ""))
    if walked.func.id != "range" or len(walked.args) != 1 or not constant:
        return None
    return ast.BinOp(ast.copy_location(ast.List([of.elt], ast.Load()), of), ast.Mult(), walked.args[0])


def _put(form: ast.Compare, at: ast.AST) -> ast.Compare:
    return _turned(ast.copy_location(form, at)) or form


def _turned(test: ast.Compare) -> ast.Compare | None:
    """Return ``a == 0`` of ``0 == a``."""
    kind = TURNED.get(type(test.ops[0])) if len(test.ops) == 1 else None
    if kind is None or not _is_number(test.left) or _is_number(test.comparators[0]):
        return None
    return ast.Compare(test.comparators[0], [kind()], [test.left])


def _of_next(test: ast.Compare) -> ast.Compare | None:
    """Return ``(i + 1) % n == 0`` of ``i % n == n - 1``."""
    left, right = test.left, test.comparators[0]
    if len(test.ops) != 1 or not isinstance(test.ops[0], (ast.Eq, ast.NotEq)):
        return None
    if not (isinstance(left, ast.BinOp) and isinstance(left.op, ast.Mod) and isinstance(right, ast.BinOp)):
        return None
    one = isinstance(right.op, ast.Sub) and isinstance(right.right, ast.Constant) and right.right.value == 1
    if not one or ast.dump(left.right) != ast.dump(right.left):
        return None
    moved = ast.copy_location(ast.BinOp(left.left, ast.Add(), right.right), left)
    counted = ast.copy_location(ast.BinOp(moved, ast.Mod(), left.right), left)
    return ast.Compare(counted, test.ops, [ast.copy_location(ast.Constant(0), right)])


def _negated(of: ast.UnaryOp) -> ast.expr | None:
    """Return ``a != b`` of ``~(a == b)`` or ``not a == b``, and ``i % n == 0`` of ``not i % n``."""
    test = common(of.operand, of) if isinstance(of.op, (ast.Invert, ast.Not)) else None
    if not isinstance(test, ast.Compare) or len(test.ops) != 1 or not isinstance(test.ops[0], (ast.Eq, ast.NotEq)):
        return None
    turned = ast.NotEq() if isinstance(test.ops[0], ast.Eq) else ast.Eq()
    return ast.Compare(test.left, [turned], test.comparators)


def _is_test(node: ast.BinOp, over: ast.AST) -> bool:
    """Return whether a remainder is asked for being 0, by what it stands in."""
    if not isinstance(node.op, ast.Mod) or isinstance(node.left, (ast.Constant, ast.JoinedStr)):
        return False
    if isinstance(over, (ast.If, ast.While, ast.IfExp)):
        return over.test is node
    return isinstance(over, ast.BoolOp) or (isinstance(over, ast.UnaryOp) and isinstance(over.op, ast.Not))


def _is_number(of: ast.expr) -> bool:
    of = of.operand if isinstance(of, ast.UnaryOp) else of
    return isinstance(of, ast.Constant)
