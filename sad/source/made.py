"""What is called, by whatever way it is kept: a name, ``self``, a list or a dict, a ``partial``, a choice of two."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from sad.source.code import Code

DEEP = 6
HOLDERS = {"torch.nn.ModuleDict", "torch.nn.ModuleList", "dict"}
PARTIALS = {"functools.partial", "partial"}
HOMES = {"torch.nn.modules.loss.": "torch.nn.", "torch.nn.modules.activation.": "torch.nn.", "torch.special.": "torch."}
"""Where PyTorch keeps a name as well."""


@dataclass(frozen=True, slots=True)
class Made:
    """How a loss was made: the name of what is called, and the call that has its settings."""

    name: str
    settings: ast.Call | None
    call: ast.Call


def called(code: Code, call: ast.Call) -> Made:
    """Return what is called, looked up through names, ``self.NAME``, lists, dicts and ``partial``.

    ``nn.KLDivLoss(reduction="sum")(a, b)``, ``self.kl(a, b)`` and ``losses["kl"](a, b)`` all come to
    ``torch.nn.KLDivLoss`` with the call that has the reduction; ``partial(F.kl_div, reduction="sum")(a, b)`` to
    ``torch.nn.functional.kl_div`` with a call that has both; anything else to its own name, with the call itself.
    """
    known: dict[int, Made] = code.known.setdefault("called", {})
    if id(call) not in known:
        known[id(call)] = _called(code, call)
    return known[id(call)]


def _called(code: Code, call: ast.Call) -> Made:
    func = call.func
    made = makers(code, func)
    if all(isinstance(one, ast.Call) for one in made):
        built = {ast.unparse(one): one for one in made if isinstance(one, ast.Call)}
        names = {_name(code, one.func) for one in built.values()}
        if len(names) == 1:
            (name,) = names
            only = next(iter(built.values())) if len(built) == 1 else None
            if name not in PARTIALS:
                return Made(name, only, call)
            if only is not None and len(only.args) == 1:
                given = {one.arg for one in call.keywords}
                before = [one for one in only.keywords if one.arg not in given]
                whole = ast.Call(only.args[0], call.args, [*before, *call.keywords])
                return Made(_name(code, only.args[0]), ast.copy_location(whole, call), call)
    named = {_name(code, one) for one in made if isinstance(one, (ast.Name, ast.Attribute))}
    if len(named) == 1 and not any(one is None or isinstance(one, ast.Call) for one in made):
        return Made(named.pop() or _last(func), call, call)
    return Made(code.dotted(func) or _last(func), call, call)


def _name(code: Code, of: ast.expr) -> str:
    """Return the whole name of what is called, by the place where PyTorch shows it."""
    name = code.dotted(of)
    if isinstance(of, ast.Name) and name == of.id and name not in code.functions:
        made = makers(code, of)
        if len(made) == 1 and isinstance(made[0], ast.Attribute):
            name = code.dotted(made[0])
    return next((to + name[len(home) :] for home, to in HOMES.items() if name.startswith(home)), name)


def _last(of: ast.expr) -> str:
    return of.attr if isinstance(of, ast.Attribute) else ""


def makers(code: Code, of: ast.expr, deep: int = 0) -> list[ast.expr | None]:
    """Return what an expression may be, by every way to it: calls that make it, or names; None for what is not told."""
    if deep > DEEP:
        return [None]
    values: list[ast.expr | None]
    if isinstance(of, ast.Name):
        if of.id in code.functions or of.id in code.aliases:
            return [of]
        values = code.values(of)
    elif isinstance(of, ast.Attribute):
        values = code.attribute(of)
    elif isinstance(of, ast.Subscript):
        values = _kept(code, of, deep)
    elif isinstance(of, ast.IfExp):
        values = [of.body, of.orelse]
    elif isinstance(of, ast.NamedExpr):
        values = [of.value]
    else:
        return [of]
    if not values:
        return [of]
    return [made for one in values for made in ([None] if one is None else makers(code, one, deep + 1))]


def _kept(code: Code, of: ast.Subscript, deep: int) -> list[ast.expr | None]:
    """Return what stands at a place of a list, or under a key of a dict; of every place where that is not told."""
    if "stored" not in code.known:
        stored = (one.value for one in code.all(ast.Subscript) if isinstance(one.ctx, ast.Store))
        code.known["stored"] = {hash(ast.unparse(one)): one for one in stored}
    if hash(ast.unparse(of.value)) in code.known["stored"]:
        return [None]  # its places are given anew
    found: list[ast.expr | None] = []
    for holder in makers(code, of.value, deep + 1):
        inner = holder
        if isinstance(holder, ast.Call) and code.dotted(holder.func) in HOLDERS and len(holder.args) == 1:
            inner = holder.args[0]
        if isinstance(inner, ast.Dict):
            pairs = [(one.value if isinstance(one, ast.Constant) else None, to) for one, to in _pairs(inner)]
        elif isinstance(inner, (ast.List, ast.Tuple)):
            pairs = list(enumerate(inner.elts))
        else:
            return [None]
        key = of.slice.value if isinstance(of.slice, ast.Constant) else None
        found += [to for at, to in pairs if key is None or at is None or at == key] or [None]
    return found


def _pairs(of: ast.Dict) -> list[tuple[ast.expr | None, ast.expr]]:
    return list(zip(of.keys, of.values, strict=True))
