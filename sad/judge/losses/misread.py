"""Whether what a loss raised may be the fault of how it was called: of what only its names gave a hint of."""

from __future__ import annotations

import re

from sad.judge import told
from sad.judge.lifted import left_out
from sad.judge.losses.call import Call
from sad.judge.losses.context import source
from sad.judge.losses.forms import OF_OTHERS
from sad.judge.losses.sample import Sample
from sad.judge.missing import Base
from sad.judge.names import MINE, VALUES, tokens
from sad.judge.names import THEIRS as SOFT
from sad.judge.roles import Reading, Role, Space

THEIRS = re.compile(
    r"^(NameError|UnboundLocalError|ModuleNotFoundError|ImportError|ZeroDivisionError|SyntaxError|StoppedError)"
)
"""What no other way of calling it would mend."""
MADE = r"\b(?:CrossEntropy|KLDiv|MSE|NLL|L1|SmoothL1|BCE|BCEWithLogits|CosineEmbedding)Loss"
"""A loss of torch that is made of what it should be called on."""
UNSET = re.compile(r"NameError: name '(\w+)' is not defined")
OF_MASKS = re.compile(r"expected BoolTensor for mask|tensors used as indices must be long, .*bool")
"""What a mask of integers raises that a source hands on as a tokenizer gave it: that is no guess."""
SMALL = "selected index k out of range"
"""What a top-k of more tokens raises than the vocabularies have here."""
OWN = re.compile(r"AttributeError: '(\w+)' object has no attribute")
GUESSED = {
    *(Role.BATCH, Role.MODEL, Role.TEACHER_MODEL, Role.CONFIG, Role.OBJECT, Role.CRITERION, Role.WORD, Role.ONES),
    *(Role.NONE, Role.ON, Role.LABEL_LOSS),
}
"""Roles that are given a stand-in, not a tensor of logits or labels."""
MANY = re.compile(r"binary_cross_entropy|BCE|multi.?(label|hot)|one_hot|\.argmax\(.{0,12}labels", re.IGNORECASE)
"""Where labels may be another thing than the index of one class."""
MORE_AXES = re.compile(r"(?:\w+\s*,\s*){3,}\w+\s*=\s*\w+(?:\[\w+\])?\.(?:shape|size\(\))")
"""Where a source reads four sizes or more: its logits are neither of texts nor of rows."""
NOTHING = 1e-13
"""Of the value's size: the norm of a gradient in float64 that is rounding alone."""
TYPES = re.compile(r"^(TypeError|AttributeError|KeyError|IndexError|StopIteration|AssertionError)|values to unpack")
"""What a thing of another type raises, or one with another number of axes."""


MOST = 4
"""Parameters that one line names."""


def uncertain(subject: object, raised: str) -> bool:
    """Whether another way of calling it may be the right one, where it raised this in every form that was tried."""
    if not isinstance(subject, Call):
        return False
    if (unset := UNSET.match(raised)) and left_out(subject.about or subject.target, unset[1]):
        return True
    if SMALL in raised:
        return True
    if THEIRS.search(raised) or _of_itself(subject, raised):
        return False
    if any(re.search(rf"{MADE}\(\s*{name}\b", source(subject)) for name in subject.reading.named(Role.STUDENT)):
        return False
    if OF_MASKS.search(raised) and subject.takes(Role.MODEL) and "attention_mask" in source(subject):
        return False
    readings = [subject.reading, *([subject.built] if subject.built else [])]
    if subject.asked.plain or subject.owner is not None or any(reading.has(*GUESSED) for reading in readings):
        return True
    if "values to unpack" in raised and MORE_AXES.search(source(subject)):
        return True
    if subject.takes(Role.LABELS) and MANY.search(source(subject)):
        return True
    sides = [*subject.reading.named(Role.STUDENT), *subject.reading.named(Role.TEACHER)]
    if any(OF_OTHERS.search(name) for name in (*sides, getattr(subject.target, "__name__", ""))):
        return True
    if TYPES.search(raised) and any(_by_place_alone(name) for name in sides):
        return True
    return bool(TYPES.search(raised)) and not _told(subject.reading)


def _by_place_alone(name: str) -> bool:
    """Whether a name says neither whose it is nor that it is a distribution: where it stands is all there was."""
    return not set(tokens(name)) & (MINE | SOFT) and not set(tokens(name)) <= VALUES


def _of_itself(call: Call, raised: str) -> bool:
    """Whether an object of the class itself, which its own constructor made, lacks what its method reads."""
    lacks = OWN.match(raised)
    if not lacks or not isinstance(call.target, type) or lacks[1] != call.target.__name__:
        return False
    # a base that is not installed may have set it
    return Base not in call.target.__mro__


def given_as(call: Call) -> str:
    """Say what it was given, by parameter: the first that are no setting left at its default."""
    roles = [f"{name} as {call.reading.roles[name].value}" for name in _given(call)]
    return ", ".join([*roles[:MOST], *(["…"] if len(roles) > MOST else [])])


def guessed(call: Call) -> list[str]:
    """Return the parameters that it was given by what their names say, without settings left at their defaults."""
    return [name for name in _given(call) if name not in told.aliases()]


def _given(call: Call) -> list[str]:
    return [name for name, role in call.reading.roles.items() if role not in (Role.DEFAULT, Role.NONE)]


def _told(reading: Reading) -> bool:
    """Whether names say that both sides are logits or probabilities."""
    return (
        all(role in reading.spaces for role in (Role.STUDENT, Role.TEACHER)) or Space.LOGITS in reading.spaces.values()
    )


def of_rounding(call: object, of: Sample) -> bool:
    """Whether states or attention maps get a gradient that is nothing but rounding: they were made otherwise here."""
    if not isinstance(call, Call) or not of.attached:
        return False
    sides = [*call.reading.named(Role.STUDENT), *call.reading.named(Role.TEACHER)]
    nothing = float(of.gradient.norm()) <= NOTHING * (1 + abs(of.value))
    return nothing and any(OF_OTHERS.search(name) for name in sides)


def unpulled_without(call: object, *, attached: bool) -> str:
    """Name a parameter that was given None, where no gradient reaches the student's logits: without it there may be
    nothing to compute. '' elsewhere.
    """
    if attached or not isinstance(call, Call):
        return ""
    return next(iter(call.reading.named(Role.NONE)), "")
