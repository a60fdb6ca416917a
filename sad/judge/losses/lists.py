"""The names under which a teacher is kept as a list of its likeliest tokens, and that list."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from inspect import Parameter

from torch import Tensor

from sad.judge.names import THEIRS, tokens
from sad.judge.roles import Role

FEW = 4
"""Tokens that a shorter list has."""
IDS = {"ids", "indices", "idx", "index", "inds", "idxs"}
LISTS = {"topk", "top", "sparse", "listed", "candidate", "candidates"}
NUMBERS = {"values", "logprobs", "logprob", "logps", "logp", "probs", "probabilities", "logits", "vals"}
OPEN = {"target", "targets", "kd"}
"""Words that say of a pair of ids and numbers whose they are, where they are the teacher's."""


def listed_roles(parameters: Iterable[Parameter]) -> dict[str, Role]:
    """Return the roles of a teacher's ids and numbers, by the parameters' names; nothing where there is no such pair.

    ``teacher_topk_ids`` and ``teacher_topk_logprobs``, ``target_token_ids`` and ``target_logprobs``, ``sparse_ids`` and
    ``sparse_values`` are such pairs.
    """
    every = {p.name: tokens(p.name) for p in parameters}
    for name, words in every.items():
        of = set(words) - IDS - {"token", "tokens"}
        if not words or words[-1] not in IDS or not of & (LISTS | OPEN | (THEIRS if "ids" not in words else set())):
            continue
        for other, its in every.items():
            if set(its) & NUMBERS and set(its) - NUMBERS - {"log"} == of:
                return {name: Role.LISTED, other: Role.TEACHER}
    return {}


def is_list(name: str, roles: Mapping[str, Role]) -> bool:
    """Whether a parameter takes the numbers of the listed tokens alone."""
    words = set(tokens(name))
    return bool(words & LISTS) or (Role.LISTED in roles.values() and roles.get(name) is Role.TEACHER)


def ids_of(teacher: Tensor, many: int) -> Tensor:
    """Return the ids of the likeliest tokens, the likeliest first, [..., many]; every token where ``many`` is 0."""
    return teacher.detach().argsort(dim=-1, descending=True, stable=True)[..., : many or None]


def names_of_lists(roles: Mapping[str, Role]) -> Collection[str]:
    """The parameters that take listed tokens."""
    return [n for n, role in roles.items() if role in (Role.STUDENT, Role.TEACHER) and is_list(n, roles)]
