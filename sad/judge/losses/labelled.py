"""Parameters that are labels by what their source does with them, where their names are no usual ones."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import replace
from inspect import Parameter

from torch import Tensor

from sad.judge.losses.lists import IDS, LISTS
from sad.judge.names import BATCHES, LABELS, LATE_LABELS, MAPS, MASKS, MINE, MODELS, PADS, SMOOTH, THEIRS, tokens
from sad.judge.roles import Reading, Role, Space, setting
from sad.judge.stand_in import NeedsAdapterError
from sad.judge.texts import text_of
from sad.subjects.divergence import IGNORED

PAD = 1
"""The id that is padding where an object says which: fairseq's."""
SETTING = (int, float, bool, str)
"""Types of defaults that are no tensor's."""

PADDED = re.compile(r"(\w+)(?:\s*[!=]=|\.(?:ne|eq)\()\s*([A-Z_]*PAD[A-Z_]*)\b")
"""What is compared with a constant that says padding."""
NONE = r"(?:-100|(?:self\.)?ignore_index)"
"""The label that is none."""
SUMS = re.compile(r"(\w+)\s*=[^=\n][^\n]*\.sum\((?:(?:dim|axis)\s*=\s*)?-?1\)")
LESS = re.compile(r"\b(\w+)\s*-\s*(\w+)\b")
PAIRS = ((MINE, THEIRS), (THEIRS, MINE))
OF_IDS = re.compile(r"ids|inputs?$|^src|source|tokens", re.IGNORECASE)
"""In the names of what is the input of a model, not its labels."""


def labelled_roles(parameters: Iterable[Parameter], function: object) -> dict[str, Role]:
    """Return the parameters that are labels: compared with -100, or, where they may be left out, what a label loss of
    the source is of beside two that may not.
    """
    every = [p for p in parameters if p.kind not in (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)]
    text = _source(function)
    required = [p.name for p in every if p.default is Parameter.empty and setting(p.name) is None]
    found = {p.name: Role.LABELS for p in every if _compared(p, text)} | _optional_teacher(every, required)
    found |= {name: Role.SMOOTHING for name in required if _smooths(name, text)}
    found |= {name: Role.NONE for name in required if _of_evaluation(name, text)}
    if len(named_sides(required)) == 2 and not LABELS & {"_".join(tokens(name)) for name in required}:
        others = [name for name in required if not (MINE | THEIRS) & set(tokens(name))]
        found |= {name: Role.LABELS for name in others if name not in found and _index_of_a_label_loss(name, text)}
    for parameter in every:
        optional = parameter.default is None and "_".join(tokens(parameter.name)) in LATE_LABELS
        if (
            optional
            and len(required) > 1
            and Role.LABELS not in found.values()
            and _in_a_label_loss(parameter.name, text)
        ):
            found[parameter.name] = Role.LABELS
    return found


def named_sides(names: Iterable[str]) -> list[str]:
    """Return the first name that says that it is the student's, and the first that says the teacher's."""
    words = {name: set(tokens(name)) for name in names}
    told = [[name for name, has in words.items() if has & side and not has & other] for side, other in PAIRS]
    return [one[0] for one in told if one]


def as_logits(reading: Reading, text: str) -> Reading:
    """Return the reading in which scores of an attention are logits where the source takes their softmax itself."""
    names = {role: name for name, role in reading.roles.items() if role in reading.spaces and MAPS & set(tokens(name))}
    softened = {role for role, name in names.items() if re.search(rf"softmax\(\s*{re.escape(name)}\s*[/,)]", text)}
    return replace(reading, spaces={role: s for role, s in reading.spaces.items() if role not in softened})


def absent(reading: Reading, text: str) -> Reading:
    """Return a reading in which what no name tells is None where the source asks whether it is."""
    none = [name for name in reading.unread if re.search(rf"\b{name} is (?:not )?None\b", text)]
    unread = tuple(name for name in reading.unread if name not in none)
    return replace(reading, roles={**reading.roles, **dict.fromkeys(none, Role.NONE)}, unread=unread)


def _optional_teacher(every: list[Parameter], required: list[str]) -> dict[str, Role]:
    """The teacher's logits, where they may be left out and nothing that is required may be the teacher's."""
    others = LATE_LABELS | LABELS | MASKS | PADS | BATCHES | {"inputs"}
    left = [name for name in required if "_".join(tokens(name)) not in others]
    theirs = [p for p in every if THEIRS & set(tokens(p.name)) and setting(p.name) is None]
    whole = [p.name for p in theirs if not (LISTS | IDS) & set(tokens(p.name))]
    open_ = len(left) == len(whole) == 1 and all(p.default is None for p in theirs)
    return {whole[0]: Role.TEACHER} if open_ and tokens(whole[0])[-1] == "logits" and left[0] not in MODELS else {}


def marks(function: object, target: object) -> tuple[int, int]:
    """Return the label that a function leaves out, and the id of its padding, by its source and its helpers'."""
    names = getattr(inspect.unwrap(target), "__globals__", {})  # type: ignore[arg-type]
    text = with_helpers(function, names)
    return ignored_label(text, names), padding_id(text, names)


def ignored_label(text: str, names: Mapping[str, object]) -> int:
    """Return the label that a source leaves out, by a number or a constant of its module; -100 where it is none."""
    told = set(re.findall(r"ignore_index\s*=\s*(-?\d+|[A-Z][A-Z0-9_]*)\b(?!\s*[.(])", text))
    told |= set(re.findall(r"\b\w*(?:target|label|tgt)\w*\s*[!=]=\s*(-\d+)\b", text))
    told |= {pad for of, pad in PADDED.findall(text) if not OF_IDS.search(of)}
    return _number(told, names)


def padded_by_self(owner: object) -> bool:
    """Whether the methods of a class take their padding from the object: its labels have that id for none."""
    return bool(re.search(r"\bself\.pad(?:ding)?_idx\b", _source(owner))) if owner is not None else False


def by_lengths(owner: object) -> None:
    """Raise NeedsAdapterError where a class works out where answers begin: the length of a text, less that of what is
    labelled in it. Labels are left out anywhere here, not in front of an answer alone.
    """
    text = _source(owner) if owner is not None else ""
    lengths = set(SUMS.findall(text))
    if any({first, second} <= lengths for first, second in LESS.findall(text)):
        raise NeedsAdapterError("it works out from lengths where an answer begins, and no such batch is made here")


def padding_id(text: str, names: Mapping[str, object]) -> int:
    """Return the id of the padding that ids are compared with, by a number or a constant of its module; else 0."""
    return max(_number({pad for of, pad in PADDED.findall(text) if OF_IDS.search(of)}, names), 0)


def _number(told: set[str], names: Mapping[str, object]) -> int:
    """Return the one number that constants and numbers of a source are; -100 where that is none, or several."""
    numbers = {str(names.get(one, "")) if one[0].isalpha() else one for one in told}
    return int(numbers.pop()) if len(numbers) == 1 and re.fullmatch(r"-?\d+", min(numbers)) else IGNORED


def with_helpers(function: object, names: Mapping[str, object]) -> str:
    """Return the source of a function with that of those of its module that it calls, and that these call."""
    texts = [_source(function)]
    left = {name: of for name, of in names.items() if inspect.isfunction(of) and of is not function}
    for text in texts:
        called = [name for name in left if re.search(rf"\b{re.escape(name)}\(", text)]
        texts += [_source(left.pop(name)) for name in called]
    return "\n".join(texts)


def _source(function: object) -> str:
    try:
        return text_of(function)
    except (OSError, TypeError):
        return ""


def counting(labels: Tensor, ignored: int, vocab: int) -> Tensor:
    """Return labels of which none that counts is the one that is left out: the next token stands for it."""
    return labels.masked_fill(labels == ignored, (ignored + 1) % vocab) if ignored >= 0 else labels


def _of_evaluation(name: str, text: str) -> bool:
    """Whether a source reads it under ``if not self.training`` alone."""
    if "not self.training" not in text:
        return False
    try:
        tree = ast.parse(textwrap.dedent(text))
    except SyntaxError:
        return False
    asked = [n for n in ast.walk(tree) if isinstance(n, ast.If) and ast.unparse(n.test) == "not self.training"]
    apart = [n for one in asked for line in one.body for n in ast.walk(line)]
    return bool(_reads(apart, name)) and _reads(apart, name) == _reads(ast.walk(tree), name)


def _reads(nodes: Iterable[ast.AST], name: str) -> int:
    return sum(isinstance(node, ast.Name) and node.id == name for node in nodes)


def _compared(parameter: Parameter, text: str) -> bool:
    """Whether the source asks where it is -100 or `ignore_index`; not for a switch, nor for what is called logits."""
    if isinstance(parameter.default, SETTING) or {"logits", "mask", Space.LOGITS} & set(tokens(parameter.name)):
        return False
    return bool(re.search(rf"\b{parameter.name}\b(?:\[[^\]'\"]*\])?\s*(?:[!=]=|\.(?:eq|ne)\()\s*{NONE}\b", text))


def _smooths(name: str, text: str) -> bool:
    """Whether a number is the mass that a label gives away: the label keeps 1 less it."""
    if SMOOTH & set(tokens(name)):
        return True
    return tokens(name)[-1] in ("eps", "epsilon") and bool(re.search(rf"\b1(?:\.0?)?\s*-\s*{name}\b", text))


def _in_a_label_loss(name: str, text: str) -> bool:
    """Whether the source takes it for the index of a class."""
    return bool(re.search(rf"(?:cross_entropy|nll_loss|scatter_?|gather|one_hot)\([^=\n]*\b{name}\b", text))


def _index_of_a_label_loss(name: str, text: str) -> bool:
    """Whether the source takes it for the labels of a cross-entropy, which are its second argument."""
    return bool(re.search(rf"(?:cross_entropy|nll_loss)\([^=\n]*,\s*{name}\b", text))
