"""What the parameters of a part are: whose logits, by their names, by where they came from, or as the other one."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass

from sad.judge.cuts.slices import Slice, name_of
from sad.judge.names import HIDDEN, LABELS, MASKS, MODELS, PADS, VALUES, says_labels, tokens
from sad.judge.roles import Role, setting, side_of
from sad.source.code import Code
from sad.source.meaning import DEEP, Whose, whose

STATES = HIDDEN - {"input", "inputs", "x"} | {"hiddens", "feats", "feat", "embeddings", "embeds"}
ENTROPY = re.compile(r"cross_?entropy|nll_?loss", re.IGNORECASE)
SIDES = {Whose.STUDENT: "student", Whose.TEACHER: "teacher"}


@dataclass(frozen=True, slots=True)
class Sides:
    """The names that parameters are read by, where their own do not tell; and whether two sides are there, or one with
    its labels.
    """

    aliases: Mapping[str, str]
    pair: bool
    labelled: bool


def sides_of(code: Code, of: Slice, names: list[str]) -> Sides:
    """Tell the parameters of a part apart."""
    made, hard = of.made, _hard(of, names)
    whose_is = {name: _whose(code, name, made.get(name)) for name in names if _is_value(name) and name not in hard}
    told = {side: [name for name, its in whose_is.items() if its is side] for side in Whose}
    unknown = [name for name in told[Whose.UNKNOWN] if _is_said(name, made.get(name))]
    if len(unknown) == 1 and len(told[Whose.TEACHER]) + len(told[Whose.STUDENT]) == 1:
        # of two sides the other one
        other = Whose.STUDENT if told[Whose.TEACHER] else Whose.TEACHER
        told[other], unknown = unknown, []
    if _of_one_model(made, unknown) or any(_is_list(of, name) for name in (*unknown, *told[Whose.STUDENT])):
        # twice the same model; or one of each layer
        return Sides({}, pair=False, labelled=False)
    if len(unknown) == 2 and not told[Whose.TEACHER] and not told[Whose.STUDENT]:
        # which is which is left to how a pair is read
        return Sides({}, pair=True, labelled=False)
    aliases: dict[str, str] = {}
    for side, word in SIDES.items():
        if len(told[side]) == 1:
            (name,) = told[side]
            aliases[name] = f"{word}_{_space(of, name)}"
    labels = [name for name in names if says_labels(name) or name in LABELS]
    if not labels and len(hard) == 1:
        labels = list(hard)
        aliases[labels[0]] = "labels"
    pair = len(told[Whose.STUDENT]) == 1 and len(told[Whose.TEACHER]) == 1
    alone = [*unknown, *told[Whose.STUDENT]]
    if not pair and not told[Whose.TEACHER] and len(alone) == 1 and labels:
        # beside one side alone `target` is no teacher's
        aliases |= {alone[0]: "logits"} | ({labels[0]: "labels"} if len(labels) == 1 else {})
        return Sides(aliases, pair=False, labelled=True)
    return Sides(aliases, pair=pair, labelled=False)


def _hard(of: Slice, names: list[str]) -> set[str]:
    """The names that are labels by what is done with them: a cross-entropy's second argument."""
    found = set()
    for node in (node for one in (*of.kept, of.loss) for node in ast.walk(one)):
        if isinstance(node, ast.Call) and ENTROPY.search(ast.unparse(node.func)):
            named = [one.value for one in node.keywords if one.arg == "target"]
            over: ast.expr | None = next(iter([*node.args[1:2], *named]), None)
            while isinstance(over, ast.Call | ast.Attribute | ast.Subscript):
                over = over.func if isinstance(over, ast.Call) else over.value
            if isinstance(over, ast.Name) and over.id in names:
                found.add(over.id)
    return found


def _of_one_model(made: Mapping[str, ast.expr | None], names: list[str]) -> bool:
    """Whether two values were made by the same calls: a model that is asked twice."""
    calls = [
        {ast.unparse(node.func) for node in ast.walk(value) if isinstance(node, ast.Call)}
        for name in names
        if (value := made.get(name)) is not None
    ]
    return len(names) == len(calls) == 2 and bool(calls[0]) and calls[0] == calls[1]


def _is_list(of: Slice, name: str) -> bool:
    """Whether a part goes through it as through a list: one of each layer, or of each model."""
    for node in (node for one in (*of.kept, of.loss) for node in ast.walk(one)):
        if isinstance(node, ast.For | ast.comprehension):
            over = node.iter
            every = over.args if isinstance(over, ast.Call) and _last(over.func) in ("zip", "enumerate") else [over]
            if any(isinstance(one, ast.Name) and one.id == name for one in every):
                return True
    return False


def _whose(code: Code, name: str, made: ast.expr | None) -> Whose:
    side = side_of(name)
    if side is not None:
        return Whose.STUDENT if side is Role.STUDENT else Whose.TEACHER
    if made is None:
        return Whose.UNKNOWN
    found = {one for one in _models(code, made) if one is not Whose.UNKNOWN}
    return found.pop() if len(found) == 1 else whose(code, made)


def _models(code: Code, of: ast.expr | None, deep: int = 0) -> set[Whose]:
    """Whose model a value came from: what is called, not what that is given."""
    if of is None or deep > DEEP:
        return set()
    if isinstance(of, ast.Name | ast.Attribute):
        side = side_of(of.id if isinstance(of, ast.Name) else of.attr)
        if side is not None:
            return {Whose.STUDENT if side is Role.STUDENT else Whose.TEACHER}
        if isinstance(of, ast.Attribute):
            return _models(code, of.value, deep + 1)
        return set[Whose]().union(*(_models(code, value, deep + 1) for value in code.values(of)))
    if isinstance(of, ast.Call):
        return _models(code, of.func, deep + 1)
    return _models(code, of.value, deep + 1) if isinstance(of, ast.Subscript) else set()


def _is_value(name: str) -> bool:
    """Whether it may be logits or states: no labels, no mask, no setting, no model."""
    lower = "_".join(tokens(name))
    if "soft" in tokens(name):
        # soft labels are the teacher's
        return True
    if lower in LABELS | MASKS | PADS | MODELS or says_labels(name) or setting(name) is not None or name == "self":
        return False
    words = set(tokens(name))
    return not words & {"mask", "masks", "ids", "labels", "label", "weight", "num", "count", "len", "length", "loss"}


def _is_said(name: str, made: ast.expr | None) -> bool:
    """Whether a model said it: by its name, or by a call that made it."""
    words = set(tokens(name)) | set(tokens(name_of(made)) if made is not None else ())
    return bool(words & (VALUES | STATES)) or isinstance(made, ast.Call | ast.Attribute | ast.Subscript)


def _space(of: Slice, name: str) -> str:
    made = of.made.get(name)
    words = [*tokens(name), *(tokens(name_of(made)) if made is not None else ())]
    if any("logp" in word or "lprob" in word for word in words) or {"log", "probs"} <= set(words):
        return "log_probs"
    if set(words) & {"probs", "prob", "probabilities"}:
        return "probs"
    if "soft" in words and "logits" not in words and not _softened(of, name):
        # soft labels that no softmax is taken of have gone through one
        return "probs"
    return "hidden_states" if set(words) & STATES and "logits" not in words else "logits"


def _last(func: ast.expr) -> str:
    return func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "")


def _softened(of: Slice, name: str) -> bool:
    every = [node for one in (*of.kept, of.loss) for node in ast.walk(one) if isinstance(node, ast.Call)]
    softmaxes = [one for one in every if "softmax" in _last(one.func)]
    return any(isinstance(node, ast.Name) and node.id == name for one in softmaxes for node in ast.walk(one))
