"""`batchmean` of rows that are still texts

## What it looks for
`kl_div`, or `KLDivLoss`, with "batchmean", of a softmax of logits `[batch, length, vocabulary]`: cut along the
length (`[..., :-1, :]`), flattened for a label loss beside it (`x.view(-1, x.size(-1))`), a softmax of logits over
dimension 2, or the `logits` of a model of language.

## Why
"batchmean" divides by the first size alone. The divergence is then summed over the length of the texts, padding with
it: it is hundreds of times what a mean over tokens is, beside a label loss that is one, and grows with the length.

## Not told where
The rows are flattened or chosen by a mask on the way, the result is divided, there or where it is called, by
more than a temperature, or nothing tells that there are three dimensions.

## Fix
Choose the rows that count, `student_logits[mask]`, and give "batchmean" these.

## Faulty
```python
import torch.nn.functional as F


def kd_loss(student_logits, teacher_logits, T):
    student, teacher = student_logits[..., :-1, :], teacher_logits[..., :-1, :]
    log = F.log_softmax(student / T, dim=-1)
    return F.kl_div(log, F.softmax(teacher / T, dim=-1), reduction="batchmean") * T**2  # here
```

## Right
```python
import torch.nn.functional as F


def kd_loss(student_logits, teacher_logits, labels, T):
    mask = labels[..., 1:] != -100
    student, teacher = student_logits[..., :-1, :][mask], teacher_logits[..., :-1, :][mask]
    log = F.log_softmax(student / T, dim=-1)
    return F.kl_div(log, F.softmax(teacher / T, dim=-1), reduction="batchmean") * T**2
```

## Source
PyTorch's documentation of `torch.nn.KLDivLoss`; V205 of the catalogue.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import lru_cache

from sad.source.calls import argument
from sad.source.code import Code
from sad.source.divergence import divergences
from sad.source.divisions import divisions
from sad.source.meaning import DEEP, is_logits
from sad.source.rule import Level, Sight, SourceRule
from sad.source.softmaxes import taken_of

SAYS = '"batchmean" divides by texts, not by tokens: choose the rows that count, [rows, vocabulary], before it'
LANGUAGE = re.compile(r"CausalLM|Seq2SeqLM|LMHeadModel|SFTTrainer|ForLanguageModeling")
"""Words of a file whose models give logits for each token."""
SHIFT = re.compile(r"\[(:|\.\.\.), 1:\]|input_ids|CausalLM|LMHead")
"""What tells that logits are of each token, where a cut alone could be one of the classes."""
OTHER = re.compile(r"Classification|MultipleChoice|AutoModel\b")
SAME = {"to", "float", "detach", "contiguous", "clone", "log", "exp", "half", "double", "cuda", "cpu", "type_as"}


def look(code: Code) -> Iterator[Sight]:
    """Yield "batchmean" of rows with three dimensions."""
    for one in divergences(code):
        if one.reduction != "batchmean" or _divided(code, one.call):
            continue
        if _three(code, one.input) or _three(code, one.target):
            yield Sight(one.call, SAYS)


def _three(code: Code, of: ast.expr | None, deep: int = 0) -> bool:
    """Return whether rows surely have three dimensions."""
    if of is None or deep > DEEP:
        return False
    if isinstance(of, ast.Subscript):
        return _keeps_length(code, of)
    if isinstance(of, ast.BinOp) and isinstance(of.op, ast.Div):
        return _three(code, of.left, deep + 1)
    if isinstance(of, ast.Name):
        values = code.values(of)
        return _flattened_elsewhere(code, of) or all(_three(code, value, deep + 1) for value in values)
    if isinstance(of, ast.Attribute):
        return of.attr == "logits" and LANGUAGE.search(code.text) is not None and OTHER.search(code.text) is None
    if isinstance(of, ast.Call):
        taken = taken_of(code, of)
        if taken is not None:
            over = argument(of, 0 if isinstance(of.func, ast.Attribute) and of.func.value is taken else 1, "dim")
            third = isinstance(over, ast.Constant) and over.value == 2 and is_logits(code, taken)
            return third or _three(code, taken, deep + 1)
        return isinstance(of.func, ast.Attribute) and of.func.attr in SAME and _three(code, of.func.value, deep + 1)
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


def _divided(code: Code, call: ast.Call) -> bool:
    inside = code.function(call)
    made = inside.name if isinstance(inside, ast.FunctionDef) else ""
    for one in divisions(code):
        if code.function(one.at) is inside and one.ends >= call.lineno:
            return True
        words = [getattr(part, "attr", getattr(part, "id", "")) for part in ast.walk(one.left)]
        if made and made in words:
            return True
    return False


RULE = SourceRule("S108", "batchmean-of-texts", Level.LOOK, __doc__, look, ("V205",))
