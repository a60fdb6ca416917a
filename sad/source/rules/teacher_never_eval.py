"""The teacher of a module is never put into evaluation mode

## What it looks for
A `LightningModule` or `Module` that keeps a teacher of its own as `self.teacher`, calls it for a loss, and a file in
which nothing is put into evaluation mode.

## Why
A part of a module goes into training mode with it: the teacher drops out, and its batch norms take the statistics of
the batch and move their own. Its answers are noise, other ones for the same text, and it changes, even with every
`requires_grad` off and under `no_grad`.

## Not told where
`eval()` or `train(False)` is called on anything in the file, the teacher is a layer of PyTorch or made frozen by its
name, nothing shows that it does not learn as well, `train` is a method of its own, or it is handed in from outside.

## Fix
`self.teacher.eval()` after it is made, and again in `train()` of the module, which switches it back.

## Faulty
```python
import torch
import torch.nn.functional as F
from torch import nn


class Distilled(nn.Module):
    def __init__(self):
        super().__init__()
        self.student = build_model("small")
        self.teacher = build_model("large")  # here

    def training_step(self, batch):
        with torch.no_grad():
            wanted = self.teacher(batch)
        return F.mse_loss(self.student(batch), wanted)
```

## Right
```python
import torch
import torch.nn.functional as F
from torch import nn


class Distilled(nn.Module):
    def __init__(self):
        super().__init__()
        self.student = build_model("small")
        self.teacher = build_model("large")

    def train(self, mode=True):
        super().train(mode)
        self.teacher.eval()
        return self

    def training_step(self, batch):
        with torch.no_grad():
            wanted = self.teacher(batch)
        return F.mse_loss(self.student(batch), wanted)
```

## Source
PyTorch's documentation of `torch.nn.Module.train`; V110 of the catalogue.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from sad.source.code import Code
from sad.source.gradient import without
from sad.source.rule import Level, Sight, SourceRule

SAYS = "goes into training mode with its module, and nothing here puts it back: teacher.eval() after it, and in train()"
TEACHER = re.compile(r"^_?(teacher|teacher_?(model|net|network)|t_net|model_t|net_t)$")
FIXED = re.compile(r"\.detach\(|requires_grad(_\(| = )False")
"""What tells a teacher that does not learn from one that learns as well, as in mutual learning."""
BUILT = re.compile(r"^[A-Z]\w*$|^(create|build|get|load|make)_?\w*|^from_pretrained$|^deepcopy$")


def look(code: Code) -> Iterator[Sight]:
    """Yield teachers that a module makes and calls, and nothing puts into evaluation mode."""
    if "teacher" not in code.text.lower() or _evaluates(code):
        return
    for one, target, value in code.assigned:
        if not (isinstance(target, ast.Attribute) and TEACHER.match(target.attr)):
            continue
        inside = code.above(one, ast.ClassDef)
        if not isinstance(inside, ast.ClassDef) or not _is_module(code, inside) or not _built(code, value):
            continue
        if _called(code, inside, target.attr):
            yield Sight(one, SAYS)


def _is_module(code: Code, of: ast.ClassDef) -> bool:
    """Return whether a class, or one of the file that it is made of, is a module of PyTorch or Lightning."""
    names = [code.dotted(one).rpartition(".")[2] for one in of.bases]
    if any(name in {"Module", "LightningModule"} for name in names):
        return True
    mine = [one for one in code.all(ast.ClassDef) if one.name in names and one is not of]
    return any(_is_module(code, one) for one in mine)


def _evaluates(code: Code) -> bool:
    """Return whether anything in the file is put into evaluation mode, or says itself what training mode is."""
    if any(one.name in {"train", "on_train_epoch_start", "on_train_start"} for one in code.all(ast.FunctionDef)):
        return True
    for call in code.all(ast.Call):
        if isinstance(call.func, ast.Attribute):
            off = [one.value for one in call.args if isinstance(one, ast.Constant)]
            if call.func.attr == "eval" or (call.func.attr == "train" and False in off):
                return True
    return False


def _built(code: Code, value: ast.expr) -> bool:
    if not isinstance(value, ast.Call):
        return False
    func = value.func
    if re.search(r"frozen|freeze", ast.unparse(func)) or code.dotted(func).startswith("torch.nn."):
        return False  # made to stay as it is; or a layer alone
    return BUILT.match(func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "")) is not None


def _called(code: Code, inside: ast.ClassDef, name: str) -> bool:
    for call in code.all(ast.Call):
        func = call.func
        if isinstance(func, ast.Attribute) and func.attr == "forward":
            func = func.value
        if isinstance(func, ast.Attribute) and func.attr == name and code.above(call, ast.ClassDef) is inside:
            return without(code, call) or FIXED.search(code.text) is not None
    return False


RULE = SourceRule("S501", "teacher-never-eval", Level.LOOK, __doc__, look, ("V110",))
