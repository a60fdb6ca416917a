"""Losses of a teacher that is kept as a list of tokens: its likeliest ones, with their ids.

They are judged with every token listed, where all of them are a divergence over the vocabulary; what a shorter list
makes of that is told beside it.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from sad.judge.losses.discover import Shape
from sad.judge.losses.families import BOTH_WAYS, FORWARD, REVERSE, Family, Formula, kl
from sad.judge.losses.lists import FEW, ids_of, names_of_lists
from sad.judge.losses.sample import fit, sample
from sad.judge.roles import Role

WITHIN = 1e-3
"""What a formula over a list may leave unexplained of a gradient."""


def over_fewer(shape: Shape) -> list[str]:
    """Say what it is over a list of the likeliest tokens alone; nothing where it takes no list."""
    call, of, first = shape.call, shape.sample, shape.fit
    listed = names_of_lists(call.reading.roles)
    if not listed and not call.takes(Role.TOPK):
        return []
    says = "every token is listed, the teacher's likeliest first" if listed else "every token is kept"
    if not first.good:
        return [says]
    try:
        fewer = sample(call.formed(listed=FEW), of.given)
    except Exception as error:
        return [f"{says}; of a list of {FEW} it raised {type(error).__name__}"]
    for name, formula in _of_lists(first.family).items():
        family = replace(first.family, formula=formula)
        if fit(fewer, family, first.beta, first.labels, first.temperatures).residual <= WITHIN:
            return [f"{says}; of a shorter list it is {name}"]
    return [f"{says}; what it is of a shorter list is not known"]


def of_some(shape: Shape) -> list[str]:
    """Say that over some of the tokens alone it pulls where student equals teacher; nothing where it takes no such."""
    call, of = shape.call, shape.sample
    if not call.takes(Role.ACTIVE) or not shape.fit.good:
        return []
    equal = replace(of.given, student_logits=of.given.teacher_logits.clone())
    norm = float(sample(call.formed(listed=FEW), equal).gradient.norm())
    if norm <= WITHIN * float(of.gradient.norm()):
        return []
    says = (
        f"over {FEW} of the tokens alone it pulls the student away from its teacher (gradient's norm {norm:.3g} where"
    )
    return [f"{says} the two are equal): choose the logits first, and take their softmax then"]


def _of_lists(family: Family) -> dict[str, Formula]:
    """What a formula may be over a short list, by how the other tokens are treated."""

    def renormalised(student: Tensor, teacher: Tensor, beta: float) -> Tensor:
        ids = ids_of(teacher, FEW)
        return family.formula(student.gather(-1, ids), teacher.gather(-1, ids), beta)

    def with_the_rest(student: Tensor, teacher: Tensor, beta: float) -> Tensor:
        ids = ids_of(teacher, FEW)
        sides = []
        for logits in (student, teacher):
            others = logits.scatter(-1, ids, -torch.inf).logsumexp(dim=-1, keepdim=True)
            sides.append(torch.cat([logits.gather(-1, ids), others], dim=-1))
        return family.formula(sides[0], sides[1], beta)

    def bare(student: Tensor, teacher: Tensor, beta: float) -> Tensor:
        ids = ids_of(teacher, FEW)
        q, p = (logits.log_softmax(dim=-1).gather(-1, ids) for logits in (student, teacher))
        forward = {FORWARD.name: 1.0, REVERSE.name: 0.0}.get(family.name, beta)
        return forward * kl(p, q) + (1 - forward) * kl(q, p)

    found: dict[str, Formula] = {
        "that between both sides renormalised over the list": renormalised,
        "that with one more entry for all other tokens": with_the_rest,
    }
    if family in (FORWARD, REVERSE, BOTH_WAYS):
        found["its terms of the listed tokens alone, not renormalised: the other tokens are not pulled together"] = bare
    return found
