"""A Jensen-Shannon divergence whose weights are on the other side than those of its mixture

## What it looks for
A sum `w * KL(teacher) + (1 - w) * KL(student)` in a function whose mixture is `w * student + (1 - w) * teacher`, or
the same with both exchanged.

## Why
The divergence is `w * KL(P || M) + (1 - w) * KL(Q || M)` with `M = w * P + (1 - w) * Q`: each weight belongs to one
model. Exchanged, it is no Jensen-Shannon divergence: it has no bound, and towards either end it tends to another
thing than its name says. At w = 0.5 nothing shows.

## Not told where
A term does not say whose it is or has no mixture in it, or both weights are the same number.

## Fix
Give each model the same weight in the mixture and in the sum.

## Faulty
```python
import torch
import torch.nn.functional as F


def jsd(student_log_probs, teacher_log_probs, beta):
    both = torch.stack([student_log_probs + torch.log(beta), teacher_log_probs + torch.log(1 - beta)])
    mixture = torch.logsumexp(both, dim=0)
    kl_teacher = F.kl_div(mixture, teacher_log_probs, reduction="none", log_target=True)
    kl_student = F.kl_div(mixture, student_log_probs, reduction="none", log_target=True)
    return beta * kl_teacher + (1 - beta) * kl_student  # here
```

## Right
```python
import torch
import torch.nn.functional as F


def jsd(student_log_probs, teacher_log_probs, beta):
    both = torch.stack([student_log_probs + torch.log1p(-beta), teacher_log_probs + torch.log(beta)])
    mixture = torch.logsumexp(both, dim=0)
    kl_teacher = F.kl_div(mixture, teacher_log_probs, reduction="none", log_target=True)
    kl_student = F.kl_div(mixture, student_log_probs, reduction="none", log_target=True)
    return beta * kl_teacher + (1 - beta) * kl_student
```

## Source
Agarwal et al. 2023, arXiv 2306.13649, equation 1; V204 of the catalogue.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from sad.source.code import Code
from sad.source.loops import names
from sad.source.meaning import Whose, by_name, whose
from sad.source.rule import Level, Sight, SourceRule

SAYS = "the mixture gives these weights to the other model: the weight of a model is the same in both"
DIVERGENCE = re.compile(r"kl|jsd|div|loss", re.IGNORECASE)
LOGARITHMS = {"log", "log1p"}
Weighed = tuple[ast.expr, str]
"""A term, and its weight as it is written."""


def look(code: Code) -> Iterator[Sight]:
    """Yield sums of two divergences whose weights are exchanged."""
    if not re.search(r"\b1(\.0?)? ?- ?\w|log1p\(", code.text):
        return
    sums = list(_sums(code))
    mixtures = [one for one in sums if not _is_divergence(one[1])] + list(_of_logarithms(code))
    for inside, of, said in sums:
        mixed = [(at, one) for where, at, one in mixtures if where == inside]
        exchanged = dict(zip(said, reversed(said.values()), strict=True))
        if not (_is_divergence(of) and mixed and all(one == exchanged for _, one in mixed)):
            continue
        held = set().union(*(_named(code, at) for at, _ in mixed))
        if all(held & _made_of(code, side) for side in (of.left, of.right)):
            yield Sight(of, SAYS)


def _named(code: Code, at: ast.expr) -> set[str]:
    """Return the names that hold an expression, or something made of one of these."""
    statement, held = code.above(at, ast.stmt), set[str]()
    for one, target, value in code.assigned:
        if isinstance(target, ast.Name) and (one is statement or held & names(value)):
            held.add(target.id)
    return held


def _made_of(code: Code, of: ast.expr) -> set[str]:
    """Return the names in an expression, and in what these were made of."""
    found = [one for one in ast.walk(of) if isinstance(one, ast.Name)]
    values = [value for one in found for value in code.values(one) if value is not None]
    return {one.id for one in found} | {name for value in values for name in names(value)}


def _sums(code: Code) -> Iterator[tuple[int, ast.BinOp, dict[Whose, str]]]:
    """Yield each ``w * a + (1 - w) * b`` of a teacher's and a student's, with its function and its weights."""
    for one in code.all(ast.BinOp):
        if isinstance(one.op, ast.Add):
            first, second = _multiplied(one.left), _multiplied(one.right)
            if first and second and (said := _sides(code, first, second)):
                yield id(code.function(one)), one, said


def _of_logarithms(code: Code) -> Iterator[tuple[int, ast.expr, dict[Whose, str]]]:
    """Yield each ``[a + log(w), b + log(1 - w)]`` in the same way."""
    groups: list[ast.List | ast.Tuple] = [*code.all(ast.List), *code.all(ast.Tuple)]
    for group in groups:
        if len(group.elts) == 2:
            first, second = (_in_logarithms(code, one) for one in group.elts)
            if first and second and (said := _sides(code, first, second)):
                yield id(code.function(group)), group, said


def _sides(code: Code, first: Weighed, second: Weighed) -> dict[Whose, str]:
    """Return the weight of each model, of two terms with weights w and 1 - w; nothing if they are not."""
    (one, weight), (other, rest) = first, second
    if {_rest(weight), _rest(rest)} != {weight, rest} or weight == rest:
        return {}
    said = {_whose(code, one): weight, _whose(code, other): rest}
    return said if said.keys() == {Whose.TEACHER, Whose.STUDENT} else {}


def _whose(code: Code, term: ast.expr) -> Whose:
    """Return whose a term is: of a divergence whose target is, or whose rows it weighs by."""
    found = whose(code, term)
    if found is not Whose.UNKNOWN or not isinstance(term, ast.Name):
        return found
    (value, *more) = code.values(term)
    if more or not isinstance(value, ast.Call) or len(value.args) < 2:
        return Whose.UNKNOWN
    return whose(code, value.args[1])


def _rest(weight: str) -> str:
    """Return the other weight: of ``w`` it is ``1 - w``, and the other way round."""
    return weight[4:] if weight.startswith("1 - ") else f"1 - {weight}"


def _written(of: ast.expr) -> str:
    return re.sub(r"\b1\.0\b", "1", ast.unparse(of))


def _multiplied(of: ast.expr) -> Weighed | None:
    if not (isinstance(of, ast.BinOp) and isinstance(of.op, ast.Mult)):
        return None
    left, right = _written(of.left), _written(of.right)
    if right.startswith("1 - ") or _of_a_model(of.left):
        return of.left, right
    return of.right, left


def _of_a_model(of: ast.expr) -> bool:
    """Return whether a factor is of a model, and no weight."""
    words = [one.id for one in ast.walk(of) if isinstance(one, ast.Name)]
    return any(by_name(word) is not Whose.UNKNOWN for word in words)


def _in_logarithms(code: Code, of: ast.expr) -> Weighed | None:
    """Return what ``rows + log(w)`` weighs, and by what."""
    if not (isinstance(of, ast.BinOp) and isinstance(of.op, ast.Add) and isinstance(of.right, ast.Call)):
        return None
    name = code.dotted(of.right.func).rpartition(".")[2]
    if name not in LOGARITHMS or len(of.right.args) != 1:
        return None
    weight = _written(of.right.args[0])
    if name == "log1p":
        return (of.left, f"1 - {weight[1:]}") if weight.startswith("-") else None
    return of.left, weight


def _is_divergence(of: ast.BinOp) -> bool:
    return all(DIVERGENCE.search(ast.unparse(one)) for one in (of.left, of.right))


RULE = SourceRule("S111", "jsd-weights-exchanged", Level.LOOK, __doc__, look, ("V204",))
