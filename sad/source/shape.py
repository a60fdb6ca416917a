"""Whether rows surely have three dimensions, [texts, places, vocabulary], and are not brought to two."""

from __future__ import annotations

import ast
import re
from functools import lru_cache

from sad.source.calls import argument
from sad.source.code import Code
from sad.source.meaning import DEEP, is_logits
from sad.source.softmaxes import taken_of

LANGUAGE = re.compile(r"CausalLM|Seq2SeqLM|LMHeadModel|SFTTrainer|ForLanguageModeling")
"""Words of a file whose models give logits for each token."""
SHIFT = re.compile(r"\[(:|\.\.\.), 1:\]|input_ids|CausalLM|LMHead")
"""What tells that logits are of each token, where a cut alone could be one of the classes."""
OTHER = re.compile(r"Classification|MultipleChoice|AutoModel\b")
SAME = {"to", "float", "detach", "contiguous", "clone", "log", "exp", "half", "double", "cuda", "cpu", "type_as"}


def three(code: Code, of: ast.expr | None, deep: int = 0) -> bool:
    """Return whether rows surely have three dimensions."""
    if of is None or deep > DEEP:
        return False
    if isinstance(of, ast.Subscript):
        return _keeps_length(code, of)
    if isinstance(of, ast.BinOp) and isinstance(of.op, ast.Div):
        return three(code, of.left, deep + 1)
    if isinstance(of, ast.Name):
        values = code.values(of)
        return _flattened_elsewhere(code, of) or all(three(code, value, deep + 1) for value in values)
    if isinstance(of, ast.Attribute):
        return of.attr == "logits" and LANGUAGE.search(code.text) is not None and OTHER.search(code.text) is None
    if isinstance(of, ast.Call):
        taken = taken_of(code, of)
        if taken is not None:
            over = argument(of, 0 if isinstance(of.func, ast.Attribute) and of.func.value is taken else 1, "dim")
            third = isinstance(over, ast.Constant) and over.value == 2 and is_logits(code, taken)
            return third or three(code, taken, deep + 1)
        return isinstance(of.func, ast.Attribute) and of.func.attr in SAME and three(code, of.func.value, deep + 1)
    return False


def _flattened_elsewhere(code: Code, name: ast.Name) -> bool:
    """Return whether the function brings the same value to rows for another loss: ``x.view(-1, x.size(-1))``."""
    inside = code.function(name)
    widths = {f"{name.id}.size(-1)", f"{name.id}.shape[-1]"}
    for call, func in _views(code):
        rows, width = ast.unparse(call.args[0]), ast.unparse(call.args[1])
        if rows != "-1" or not (width in widths or "vocab" in width) or code.function(call) is not inside:
            continue
        if isinstance(func.value, ast.Name) and func.value.id == name.id:
            return code.values(func.value) == code.values(name)
    return False


@lru_cache(maxsize=1)
def _views(code: Code) -> tuple[tuple[ast.Call, ast.Attribute], ...]:
    """Return what brings something to two sizes, with what is called."""
    pairs = ((one, one.func) for one in code.all(ast.Call) if len(one.args) == 2)
    named = ((one, func) for one, func in pairs if isinstance(func, ast.Attribute))
    return tuple((one, func) for one, func in named if func.attr in {"view", "reshape"})


def _keeps_length(code: Code, of: ast.Subscript) -> bool:
    """Return whether a cut is one along the second of three dimensions."""
    if not isinstance(of.slice, ast.Tuple):
        return False
    parts = of.slice.elts
    dots = isinstance(parts[0], ast.Constant) and parts[0].value is Ellipsis
    slices = [isinstance(one, ast.Slice) for one in parts]
    if len(parts) == 3:
        return all(slices) or (dots and all(slices[1:]))
    named = of.value.attr if isinstance(of.value, ast.Attribute) else getattr(of.value, "id", "")
    whole = isinstance(parts[0], ast.Slice) and parts[0].lower is None and parts[0].upper is None
    return len(parts) == 2 and all(slices) and whole and "logits" in named and SHIFT.search(code.text) is not None
