"""Parameters by whose names a caller believes something is in force, and that change nothing, whatever they are given.

That a loss has a parameter `labels` and never reads it is a fault whatever the loss is for: of texts, padding counts;
of classes, the label loss that the name promises is not there.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from sad.judge.losses.adapter import Adapted
from sad.judge.losses.call import Call
from sad.judge.losses.context import source
from sad.judge.losses.found import Found
from sad.judge.losses.reach import reach
from sad.judge.losses.sample import sample
from sad.judge.losses.taken import OTHERWISE
from sad.judge.roles import Reading, Role
from sad.subjects.divergence import IGNORED, Given
from sad.verdict import Standing, Verdict

PROMISING = (Role.LABELS, Role.MASK, Role.PADDING, Role.IGNORE, Role.ONES, Role.TEMPERATURE, Role.BETA)
"""Roles of what is believed to be in force when it is given."""
REDUCTIONS = ("sum", "mean", "none")
OF_A_CONSTRUCTOR = 3
"""How often the source of a class names a parameter that it only keeps: `def __init__(…, x)`, `self.x = x`."""
SHORT = 40
"""Characters of a value that are still shown."""
Change = tuple[str, Any]
"""What a parameter is given in place of the usual, in words, and the value."""


def no_effect(found: Found, verdict: Verdict) -> Verdict:
    """Return the verdict on arguments; broken where one without any effect is found, allowed where it is optional."""
    call, of = found.shape.call, found.shape.sample.given
    if isinstance(call, Adapted) or (of.labels is None and call.takes(Role.LABELS)):
        return verdict
    notes = []
    for name in _promising(call):
        if not verdict.holds and _role(call, name) in (Role.LABELS, Role.MASK, Role.PADDING):
            # that is what is broken already
            continue
        says, example = judged(call, of, name)
        if example:
            return Verdict(False, "; ".join([*([] if verdict.holds else [verdict.says]), says]), example=example)
        notes += [says] if says else []
    if not verdict.holds:
        return verdict
    # what neither names nor shapes tell is no silent pass
    notes += [note for note in found.notes if OTHERWISE in note]
    if not notes:
        return verdict
    return Verdict(True, "; ".join([verdict.says, *notes]), verdict.numbers, standing=Standing.ALLOWED)


def judged(call: Call, of: Given, name: str) -> tuple[str, str]:
    """Say what is to be said of a parameter, '' where it has an effect; and what shows that it has none, '' else."""
    if _acts(call, of, name) or _acts(_by_default(call, name), of, name):
        return "", ""
    if call.form.firsts and _role(call, name) in (Role.MASK, Role.PADDING):
        return f"{name} has no effect: the first place alone is read, which is no padding", ""
    if any(_acts(other, of, name) for other in _otherwise(call, name)):
        return f"{name} serves a part that is off by default", ""
    if _may_serve(call, name):
        return f"{name} serves a part that no default turns on", ""
    if name.startswith("_"):
        return f"the argument {name} has no effect, as its name says", ""
    if _role(call, name) is Role.BETA and name not in call.betas()[:1]:
        # one of several: which of them is the weight of what is a guess
        return "", ""
    return f"the argument {name} has no effect{_meaning(call, of, name)}", _shown(call, of, name)


def _may_serve(call: Call, name: str) -> bool:
    """Whether its source says that it is read for a part that nothing here turned on."""
    if name not in call.reading.roles:
        # of a constructor: kept, and read somewhere else
        return len(re.findall(rf"\b{name}\b", source(call))) > OF_A_CONSTRUCTOR
    how = reach(_read(call), name)
    kept_in = call.owner is not None or call.built is not None or bool(call.asked.roles)
    return how is not None and how.returned and (how.optional or kept_in)


def _role(call: Call, name: str) -> Role:
    roles = call.built.roles if call.built is not None and name not in call.reading.roles else call.reading.roles
    return roles[name]


def _readings(call: Call) -> list[Reading]:
    return [call.reading, *([call.built] if call.built is not None else [])]


def _promising(call: Call) -> list[str]:
    """The parameters of such roles, and a `reduction`, by name."""
    kept = call.defaults()
    word = ["reduction"] if isinstance(kept.get("reduction"), str) and not inherited(call) else []
    named = (name for reading in _readings(call) for role in PROMISING for name in reading.named(role))
    return list(dict.fromkeys([*named, *word]))


def inherited(call: Call) -> bool:
    """Whether its constructor is one of torch's own: what that takes is no promise of the class."""
    made = getattr(call.target, "__init__", None) if isinstance(call.target, type) else None
    return (getattr(made, "__module__", "") or "").startswith("torch.") and "reduction" not in call.reading.roles


def _meaning(call: Call, of: Given, name: str) -> str:
    role = _role(call, name)
    others = [other for kind in (Role.LABELS, Role.MASK, Role.PADDING) for other in call.reading.named(kind)]
    others = [other for other in others if other != name and _acts(call, of, other)]
    if role in (Role.MASK, Role.PADDING, Role.IGNORE):
        return f": only {others[0]} is read; leave it away" if others else ": every row counts, padding too"
    if role is Role.LABELS:
        return ": no row is left out where they are -100, and there is no label loss; leave it away, or read it"
    return ": leave it away, or read it"


def _acts(call: Call, of: Given, name: str) -> bool:
    """Whether some change of a parameter changes the value or the gradient, or raises; True where it cannot be told."""
    try:
        before = sample(call, of)
        changes = list(_changes(call, of, name))
    except Exception:
        return True
    for _, value in changes:
        try:
            after = sample(_given(call, name, value), of)
        except Exception:
            return True
        if not _same(torch.tensor(before.value), torch.tensor(after.value)):
            return True
        if not _same(before.gradient, after.gradient):
            return True
    return not changes


def _same(one: Tensor, other: Tensor) -> bool:
    return torch.equal(one.nan_to_num(), other.nan_to_num())


def _given(call: Call, name: str, value: Any) -> Call:  # noqa: ANN401 - any value
    """Return the call with a parameter held at a value."""
    return call.formed(settings={**call.settings, name: value})


def _changes(call: Call, of: Given, name: str) -> Iterator[Change]:
    role = _role(call, name)
    if role is Role.DEFAULT:
        yield from ((repr(word), word) for word in REDUCTIONS if word != call.defaults().get(name))
    elif role is Role.TEMPERATURE:
        yield from ((f"{heat:g}", heat) for heat in (2.0, 3.0))
    elif role is Role.BETA:
        yield from ((f"{beta:g}", beta) for beta in (0.2, 0.9))
    elif role is Role.IGNORE:
        yield from ((str(index), index) for index in (-7, 0))
    elif role is Role.LABELS:
        usual, vocab = call.value_of(role, name, of), of.student_logits.shape[-1]
        some = usual.clone()
        some.flatten()[::2] = IGNORED
        for value in (usual.clamp_min(0).add(1).remainder(vocab), some):
            yield str(value.tolist()), value
    elif role is Role.ONES:
        usual = call.value_of(role, name, of)
        for value in (torch.arange(usual.numel(), dtype=usual.dtype).view(usual.shape), torch.zeros_like(usual)):
            yield str(value.tolist()), value
    else:
        usual = call.value_of(role, name, of)
        for value in (~usual.bool(), torch.zeros_like(usual, dtype=torch.bool), usual.bool().roll(1, -1)):
            yield str(value.long().tolist()), value.to(usual.dtype)


def _by_default(call: Call, but: str) -> Call:
    """The same with its weights as they are by default, at a half where there is none; ``but`` one."""
    kept = call.defaults()
    settings = {name: kept.get(name, 0.5) for name in _weights(call, but) if kept.get(name, 0.5) is not None}
    return call.formed(settings=settings)


def _otherwise(call: Call, but: str) -> Iterator[Call]:
    """The same with what is a weight or a switch turned on, ``but`` one."""
    kept = call.defaults()
    weights: dict[str, Any] = {name: 0.3 if kept.get(name) == 0.5 else 0.5 for name in _weights(call, but)}
    names = [name for reading in _readings(call) for name in reading.roles if name != but]
    switches: dict[str, Any] = {name: not kept[name] for name in names if isinstance(kept.get(name), bool)}
    if lacking := {name: None for name in _leaving_out(call) if name != but and kept.get(name, 0) is None}:
        # a mask leaves out what it is left out by too
        yield call.formed(settings=lacking)
    for settings in (weights, switches, weights | switches, *({name: on} for name, on in switches.items())):
        yield call.formed(settings=settings)


def _leaving_out(call: Call) -> list[str]:
    """The parameters that say which rows count."""
    return [name for role in (Role.LABELS, Role.MASK, Role.PADDING) for name in call.reading.named(role)]


def _weights(call: Call, but: str) -> list[str]:
    """The settings that may be weights, of the loss and of its constructor."""
    kept = call.defaults()
    return [
        name
        for reading in _readings(call)
        for name, role in reading.roles.items()
        if name != but and (role in (Role.OFF, Role.ON, Role.BETA) or _weight(kept.get(name)))
    ]


def _weight(default: object) -> bool:
    return isinstance(default, float) or (type(default) is int and default in (0, 1))


def _read(call: Call) -> Callable[..., Any]:
    """The function whose source says what becomes of a parameter."""
    target = call.about or call.target
    if isinstance(target, classmethod | staticmethod):
        target = target.__func__
    if inspect.isclass(target) or not inspect.isroutine(target):
        target = getattr(target, "forward", None) or type(target).__call__
    function: Callable[..., Any] = inspect.unwrap(target)
    return function


def _shown(call: Call, of: Given, name: str) -> str:
    """The smallest call that shows it: two tokens and one row where that runs, else the ordinary one."""
    student = torch.tensor([[[0.0, 1.0]]], dtype=torch.float64)
    teacher = torch.tensor([[[0.0, 3.0]]], dtype=torch.float64)
    labels = None if of.labels is None else torch.ones(1, 1, dtype=torch.long)
    for one, what in (
        (Given(student, teacher, labels, of.temperature, of.beta), "student [0, 1], teacher [0, 3], one row"),
        (of, f"random logits {list(of.student_logits.shape)}"),
    ):
        try:
            loss = sample(call, one).value
            told = [says for says, value in _changes(call, one, name) if sample(_given(call, name, value), one)]
            told = list(dict.fromkeys(told))
        except Exception:
            # one row may be too few for it
            continue
        some = told if all(len(says) < SHORT for says in told) else ["others"]
        return f"{what}: the loss is {loss:.4g} with {name} as usual, and with {' and '.join(some)} in its place"
    return f"random logits {list(of.student_logits.shape)}"
