"""Losses of several views of the same examples: they compare students with each other, and none has a teacher."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping

from sad.judge.names import MINE, THEIRS, TWO_VIEWS, tokens
from sad.judge.roles import Role

COUNTS = re.compile(r"^(num|n)_(splits?|views?|crops|augmentations)$")
"""Names of how many views of each example are in a batch."""

LAST_OUT = re.compile(r"\b(\w+)\[\s*(?::|\.\.\.)\s*,\s*:-1")
"""What a source cuts the last row of."""
ANSWERS = ("chosen", "rejected")
"""In the names of what a loss of preferences is given of either answer."""


UNPACKED = re.compile(r"^[ \t]*\(?(\w+(?:[ \t]*,[ \t]*\w+)+)\)?[ \t]*=[ \t]*(\w+)[ \t]*$", re.MULTILINE)
"""Where a source takes a parameter apart."""
BESIDE = (Role.TEACHER, Role.TEACHER_MODEL, Role.MODEL, Role.BATCH, Role.LABELS)
"""What else a loss may have its other side from."""


def no_teacher(names: Collection[str], text: str, defaults: Iterable[str]) -> str | None:
    """Say why a loss of these parameters, and of this source, has no teacher to be equal to; None where it may have."""
    if views := two_views(names):
        return f"{views} are views of examples: a contrastive loss has no teacher to be equal to"
    if answers := two_answers(names):
        return f"{answers} are of two answers: a loss of preferences has no teacher to be equal to"
    if own := own_rows(names, text):
        return f"{own} says which of the teacher's rows are compared: which row of either is for which cannot be told"
    if cut := cut_in_views(text, defaults):
        return f"it cuts its batch by {cut} into views of the same examples: none is a teacher's"
    return None


def taken_apart(roles: Mapping[str, Role], text: str) -> str:
    """Name the one thing that a loss takes, and into what its source takes it apart; '' where it does not."""
    if any(role in BESIDE for role in roles.values()):
        return ""
    told = {name: parts for parts, name in UNPACKED.findall(text)}
    one = next((name for name, role in roles.items() if role is Role.STUDENT and name in told), "")
    return f"{one} into {told[one]}" if one else ""


def two_views(names: Iterable[str]) -> str:
    """Name two parameters that are views of the same examples, '' where there are none."""
    found = next((sorted(views & set(names)) for views in TWO_VIEWS if len(views & set(names)) > 1), [])
    return " and ".join(found[:2])


def two_answers(names: Iterable[str]) -> str:
    """Name the parameters that are of a chosen and of a rejected answer, '' where there are not both."""
    found = [next((name for name in names if word in tokens(name)), "") for word in ANSWERS]
    return " and ".join(found) if all(found) else ""


def own_rows(names: Iterable[str], text: str) -> str:
    """Name a mask of the teacher's own rows, where the source leaves out the last of the student's alone; '' else."""
    masks = (name for name in names if THEIRS & set(tokens(name)) and "mask" in tokens(name))
    sides = [set(tokens(name)) for name in LAST_OUT.findall(text)]
    alone = any(MINE & side for side in sides) and not any(THEIRS & side for side in sides)
    return next(masks, "") if alone else ""


def cut_in_views(text: str, names: Iterable[str]) -> str:
    """Name the setting by which a source cuts its batch into views, '' where there is none."""
    counts = (name for name in names if COUNTS.search(name))
    return next((n for n in counts if re.search(rf"\b{n}\b", text) and re.search(r"\b(split|chunk)\(", text)), "")
