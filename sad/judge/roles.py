"""Reads what each parameter of a loss is for from its name, by the names that the field uses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from inspect import Parameter

from sad.judge.names import (
    BATCHES,
    BETAS,
    CONFIGS,
    COUNTS,
    CRITERIA,
    EAGERS,
    HIDDEN,
    IGNORES,
    KINDS,
    LABEL_LOSSES,
    LABELS,
    MAPS,
    MASKS,
    MINE,
    MODELS,
    OBJECTS,
    OFFS,
    ONES,
    ONS,
    PADS,
    POSITIONS,
    RATIOS,
    TEACHER_MODELS,
    TEMPERATURES,
    THEIRS,
    TOPKS,
    VALUES,
    VOCABS,
    WEIGHTS,
    is_state,
    run_on,
    says_labels,
    tokens,
    told_by_its_end,
)


class Role(StrEnum):
    """What a parameter is given."""

    STUDENT = "the student's logits"
    TEACHER = "the teacher's logits"
    LABELS = "labels, -100 where a row does not count"
    MASK = "1 where a row counts"
    PADDING = "1 where a row is padding"
    BATCH = "a dict with labels and masks"
    IDS = "token ids"
    TEMPERATURE = "the temperature"
    BETA = "beta"
    OFF = "0, the weight of the label loss"
    ON = "1, the weight of the divergence"
    COUNT = "the count to divide by"
    IGNORE = "-100"
    STUDENT_WEIGHT = "the identity, as the student's output weight"
    TEACHER_WEIGHT = "the identity, as the teacher's output weight"
    LABEL_LOSS = "0, the loss on the labels"
    CONFIG = "an object with the usual settings"
    MODEL = "a model that returns the student's logits"
    TEACHER_MODEL = "a model that returns the teacher's logits"
    EAGER = "False, so that nothing is compiled"
    FLAG = "False"
    OUTPUT = "what the student's model returned"
    VOCAB = "the size of the vocabulary"
    ONES = "1 for every row"
    ONE = "1"
    TOPK = "the size of the vocabulary: every token is kept"
    TAIL = "0, the mass of the tokens that are not listed"
    POSITIONS = "the places of the tokens"
    LISTED = "the ids of the listed tokens"
    OBJECT = "an object of which nothing is known"
    CRITERION = "a cross-entropy"
    PROJECTION = "the identity: both sides are of one width"
    LAYERS = "the layers that are compared, each with the one of its number"
    ACTIVE = "every token"
    WORD = "the kind of loss"
    SMOOTHING = "0.1, the label smoothing"
    NONE = "None"
    DEFAULT = "its default"


class Space(StrEnum):
    """What a distribution is given as."""

    LOGITS = "logits"
    LOG_PROBS = "log-probabilities"
    PROBS = "probabilities"


@dataclass(frozen=True, slots=True)
class Reading:
    """The roles of the parameters by name, and how sure the names are.

    ``spaces`` are those of student and teacher where the names tell. ``ordered`` is False where the names leave open
    which of the two is the student's. ``unread`` are required parameters that no rule knows.
    """

    roles: dict[str, Role]
    spaces: dict[Role, Space]
    ordered: bool
    unread: tuple[str, ...] = ()

    def has(self, *roles: Role) -> bool:
        """Whether some parameter has one of these roles."""
        return any(role in roles for role in self.roles.values())

    def named(self, role: Role) -> list[str]:
        """Return the parameters of a role."""
        return [name for name, its in self.roles.items() if its == role]


SIDES = (Role.STUDENT, Role.TEACHER)
FUSED = {"target_weight": Role.TEACHER_WEIGHT, "target_x": Role.TEACHER, "target_input": Role.TEACHER}
FUSED |= {"weight": Role.STUDENT_WEIGHT, "x": Role.STUDENT, "input": Role.STUDENT}
"""What flash-linear-attention calls hidden states and output weights: there `target` is the teacher's."""
ENDS = {"one": Role.ONE, "count": Role.COUNT, "config": Role.CONFIG, "mask": Role.MASK, "padding": Role.PADDING}
ENDS |= {"object": Role.OBJECT, "width": Role.VOCAB, "topk": Role.TOPK, "projection": Role.PROJECTION}
ENDS |= {"flag": Role.FLAG, "layers": Role.LAYERS, "active": Role.ACTIVE, "tail": Role.TAIL}
KNOWN = {name: Role.OFF for name in OFFS} | {name: Role.ON for name in (*ONS, "size_average", "reduce")}
KNOWN |= {name: Role.COUNT for name in COUNTS} | {name: Role.IGNORE for name in IGNORES}
KNOWN |= {name: Role.CONFIG for name in CONFIGS} | {name: Role.EAGER for name in EAGERS}
KNOWN |= {name: Role.VOCAB for name in VOCABS} | {name: Role.CRITERION for name in CRITERIA}
"""Roles of settings that the whole name tells."""
BY_NAME = (
    (LABEL_LOSSES, Role.LABEL_LOSS),
    (LABELS, Role.LABELS),
    (MASKS, Role.MASK),
    (PADS, Role.PADDING),
    ({"input_ids"}, Role.IDS),
    ({"net_output"}, Role.OUTPUT),
    (POSITIONS, Role.POSITIONS),
    (ONES, Role.ONES),
)
"""Roles that the whole name tells."""


def read(
    parameters: Iterable[Parameter], *, settings_only: bool = False, known: Mapping[str, Role] | None = None
) -> Reading:
    """Give every parameter a role. ``settings_only``: a constructor's, without logits; ``known``: not told by names."""
    every = [p for p in parameters if p.kind not in (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)]
    sides = [set(tokens(p.name)) for p in every if side_of(p.name)] if not settings_only else []
    hidden = any(words & WEIGHTS for words in sides) and any(words & HIDDEN for words in sides)
    paired = not settings_only and {"weight", "target_weight"} <= {p.name for p in every}
    roles: dict[str, Role] = dict(known or {})
    for parameter in (p for p in every if p.name not in roles):
        role = FUSED.get(parameter.name) if paired else None
        role = role or _setting(parameter)
        if role is None and not settings_only:
            role = _value(parameter, every, hidden=hidden)
        if settings_only and role is None and parameter.name in TEACHER_MODELS - {"teacher"}:
            role = Role.TEACHER_MODEL
        if role is not None:
            roles[parameter.name] = role
    ordered = True
    if not settings_only:
        ordered = _fill(roles, every)
    for parameter in every:
        absent = parameter.name not in roles and parameter.default is Parameter.empty
        if absent and not settings_only and "None" in str(parameter.annotation):
            roles[parameter.name] = Role.NONE
    unread = [p.name for p in every if p.name not in roles and p.default is Parameter.empty]
    roles |= {p.name: Role.DEFAULT for p in every if p.name not in roles and p.name not in unread}
    spaces = {role: space for name, role in roles.items() if (space := _space(name)) and role in SIDES}
    in_order = {p.name: roles[p.name] for p in every if p.name in roles}
    return Reading(in_order, spaces, ordered, tuple(unread))


def setting(name: str) -> Role | None:
    """Return the role of a setting (temperature, beta, …) by its name alone; None if it is no setting that is known."""
    return _setting(Parameter(name, Parameter.KEYWORD_ONLY, default=0.5))


def _setting(parameter: Parameter) -> Role | None:
    name, words = parameter.name, set(tokens(parameter.name))
    number = isinstance(parameter.default, int | float) or parameter.annotation in (int, float, "float", "int")
    # a lone t under 1 is a time or a share: nobody sharpens both sides by default
    small = isinstance(parameter.default, int | float) and parameter.default < 1
    lone = name == "T" or name.startswith("T_") or (name == "t" and number and not small)
    if (lone or words & TEMPERATURES or (words == {"t"} and number and not small)) and not words & {
        "schedule",
        "scheduler",
        "use",
    }:
        return Role.DEFAULT if words & THEIRS - {"t"} and parameter.default is not Parameter.empty else Role.TEMPERATURE
    lower, required = "_".join(tokens(name)), parameter.default is Parameter.empty
    if lower in KNOWN:
        role = KNOWN[lower]
        return role if role is not Role.ON or number or required else None
    if lower in TOPKS and isinstance(parameter.default, int):
        return Role.TOPK
    kind = lower in KINDS or (lower == "reduction" and required)
    if told := ((Role.WORD if required else Role.DEFAULT) if kind else None) or (
        ENDS.get(told_by_its_end(lower, words)) if required else None
    ):
        return told
    if required and parameter.annotation in (str, "str"):
        return Role.WORD
    if required and (lower.startswith("w_") or lower.endswith(("_weight", "_coef"))) and not words & (MINE | THEIRS):
        return Role.ON
    # A and B are two tensors, a and b may be weights
    betas = set() if lower != name and len(name) == 1 else BETAS if len(words) == 1 else BETAS - {"a", "b", "mix"}
    return Role.BETA if lower in RATIOS or (words & betas and (number or required)) else None


def _value(parameter: Parameter, every: list[Parameter], *, hidden: bool) -> Role | None:
    name, words = "_".join(tokens(parameter.name)), set(tokens(parameter.name))
    optional = parameter.default is not Parameter.empty
    side = side_of(parameter.name)
    if side and words & {"bias"}:
        return Role.NONE if not optional else Role.DEFAULT
    if side and hidden and words & WEIGHTS and not optional:
        return Role.STUDENT_WEIGHT if side is Role.STUDENT else Role.TEACHER_WEIGHT
    if side and hidden and words & HIDDEN and not optional:
        return side
    for names, role in BY_NAME:
        # a switch is no tensor: shift_labels=False
        if name in names and not isinstance(parameter.default, bool):
            return role
    others = {"_".join(tokens(p.name)) for p in every}
    if side and words & {"targets", "target", "labels", "label"} and _beside(parameter, every, side):
        # student_logits, student_targets
        return Role.LABELS
    if name in OBJECTS:
        return Role.OBJECT if not optional else Role.DEFAULT
    if name in MODELS and run_on(name, others):
        return Role.MODEL
    if (
        name in BATCHES
        or (name == "sample" and others & MODELS)
        or (name == "inputs" and (others & (MODELS | {"student_logits", "teacher_logits", "outputs"})))
    ):
        return Role.BATCH
    if name in TEACHER_MODELS and others & MODELS and run_on(name, others):
        return Role.TEACHER_MODEL
    if side and not optional and words - MINE - THEIRS <= VALUES:
        return side
    beside = any(side_of(other) is Role.TEACHER or other in TEACHER_MODELS for other in others)
    return Role.STUDENT if name in ("logits", "lm_logits") and beside and not optional else None


def _beside(parameter: Parameter, every: list[Parameter], side: Role) -> bool:
    """Whether another parameter is that side's logits."""
    others = [p.name for p in every if p.name != parameter.name and side_of(p.name) is side]
    return any(not {"targets", "target", "labels", "label"} & set(tokens(name)) for name in others)


def _fill(roles: dict[str, Role], every: list[Parameter]) -> bool:
    """Give student and teacher to what is left, by what stands first. Returns whether their order is sure."""
    if Role.MODEL in roles.values() and not any(role in SIDES for role in roles.values()):
        return True
    left = [p for p in every if p.name not in roles and p.default is Parameter.empty]
    missing = [r for r in (Role.STUDENT, Role.TEACHER) if r not in roles.values()]
    last = len(left) >= 2 and set(tokens(left[0].name)) & {"target", "targets", "true", "label"}
    order = missing[::-1] if last else missing
    sided = {side: p.name for p in reversed(left) if (side := side_of(p.name)) in missing}
    # teacher_logits_answer: the word says whose, wherever it stands
    roles |= {name: side for side, name in sided.items()}
    order, left = [r for r in order if r not in sided], [p for p in left if p.name not in roles]
    for role, parameter in zip(order, left, strict=False):
        roles[parameter.name] = role
    roles |= {p.name: Role.LABELS for p in left if p.name not in roles and says_labels(p.name)}
    # a second pair, of states beside logits or of documents beside queries: both sides of it are the same two
    roles |= {p.name: side for p in left if p.name not in roles and (side := side_of(p.name)) and is_state(p.name)}
    telling = {"pred", "preds", "input", "output", "outputs", "logits", "prediction", "predictions"}
    given = [name for name, role in roles.items() if role in SIDES]
    return not missing or any(side_of(name) or set(tokens(name)) & telling for name in given)


def side_of(name: str) -> Role | None:
    """Return the role of the student's or the teacher's where a name says whose it is; None where it says neither."""
    words = tokens(name)
    mine, theirs = MINE & set(words), THEIRS & set(words)
    if len(words) == 1 and words[0] in {"s", "t", "soft"}:
        # a letter alone: the pair (s, t) is told by `_fill`
        return None
    if bool(mine) == bool(theirs):
        return None
    return Role.STUDENT if mine else Role.TEACHER


def _space(name: str) -> Space | None:
    words, flat = set(tokens(name)), "".join(tokens(name))
    bare = tokens(name)[1:] == ["p"] and "logit" not in words
    if any(told in flat for told in ("logprob", "lprob", "logp", "logsoftmax")) or words == {"log", "q"}:
        return Space.LOG_PROBS
    if words & {"probs", "prob", "probabilities", "probability", *MAPS} or bare:
        return Space.PROBS
    return Space.LOGITS if words & {"logits", "logit", "scores"} else None
