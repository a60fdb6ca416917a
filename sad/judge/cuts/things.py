"""Which expressions give what cannot be made here: what a model says, what a batch holds, what a library fetches."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Mapping
from dataclasses import dataclass
from types import FunctionType, ModuleType
from typing import Any

import torch

from sad.judge.callers import installed
from sad.judge.missing import Placeholder
from sad.judge.names import LOGGING, MODELS, TEACHER_MODELS, tokens
from sad.judge.roles import Role, setting
from sad.source.code import Code
from sad.source.made import called

OF_TENSORS = frozenset(dir(torch.Tensor)) - {"backward", "register_hook"}
"""What a tensor has: with it is computed, whatever it was read from."""
COMPUTES = ("torch", "math", "numpy", "einops", "functools", "operator", "itertools", "contextlib", "copy")
"""Packages whose functions run on tensors alone."""
OF_OTHERS = ("torch.distributed", "torch.utils", "torch.cuda", "torch.load", "torch.save")
"""Their parts that do not."""
CRITERIA = {
    "loss",
    "losses",
    "criterion",
    "crit",
    "kl",
    "kld",
    "kldiv",
    "jsd",
    "ce",
    "mse",
    "nll",
    "xent",
    "divergence",
}
"""In the names of what `self` keeps to compute a loss with."""
OUTPUTS = {"output", "outputs", "out", "outs", "result", "results", "ret"}
"""In the names of what a model returned, whose first part is its logits."""


@dataclass(frozen=True, slots=True)
class Things:
    """Looks at the expressions of one function. ``space`` is what its module holds, ``methods`` those of its class that
    are run as they are.
    """

    code: Code
    space: Mapping[str, Any]
    methods: frozenset[str]
    inside: frozenset[str]
    """Functions that it defines itself."""

    def foreign(self, node: ast.AST) -> bool:
        """Whether an expression gives what cannot be made here."""
        if isinstance(node, ast.Call):
            return self._call(node)
        if isinstance(node, ast.Attribute):
            return node.attr not in OF_TENSORS and self._thing(node.value)
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
            if isinstance(node.slice.value, str):
                return self._thing(node.value)
            return isinstance(node.slice.value, int) and self._returned(node.value)
        if isinstance(node, ast.BoolOp):
            return any(map(self.foreign, node.values))
        return isinstance(node, ast.Await)

    def _thing(self, node: ast.expr) -> bool:
        """Whether it is an object: neither a tensor nor a setting, a module or `self`."""
        if isinstance(node, ast.Name):
            if node.id in ("self", "cls") or setting(node.id) is Role.CONFIG or self._module(node.id):
                return False
            values = self.code.values(node)
            return any(value is None or self.foreign(value) for value in values)
        if isinstance(node, ast.Attribute):
            if setting(node.attr) is Role.CONFIG:
                return False
            return self.foreign(node) or not (is_self(node.value) or _of_settings(node.value))
        return self.foreign(node)

    def _returned(self, node: ast.expr) -> bool:
        """Whether it is what a model returned, as a tuple."""
        if isinstance(node, ast.Name):
            values = self.code.values(node)
            if any(value is not None and self.foreign(value) for value in values):
                return True
            return values == [None] and bool(OUTPUTS & set(tokens(node.id)))
        return isinstance(node, ast.Call) and self.foreign(node)

    def _module(self, name: str) -> bool:
        return isinstance(self.space.get(name), ModuleType | type)

    def _call(self, node: ast.Call) -> bool:
        func = node.func
        if isinstance(func, ast.Call):
            return self._call(func)
        if called(self.code, node).name.startswith("torch.nn."):
            return False
        if isinstance(func, ast.Name):
            return self._named(func, node)
        if not isinstance(func, ast.Attribute):
            return True
        root, names = _chain(func)
        if root in ("self", "cls") and len(names) == 1:
            return self._of_self(names[0], func, node)
        if root is not None and isinstance(self.space.get(root), ModuleType):
            return self._of_module(self.space[root], names, node)
        if root is not None and isinstance(self.space.get(root), type):
            # a function of a class, `DSKD.compute(…)`
            return not self._plain(getattr(self.space[root], names[0], None), node)
        return func.attr not in OF_TENSORS or self.foreign(func.value)

    def _named(self, func: ast.Name, node: ast.Call) -> bool:
        if func.id in self.inside:
            return False
        values = [] if func.id in self.space else self.code.values(func)
        if values and values != [None]:
            # a function that was made here: a loss, or what is made of one
            return not all(isinstance(one, ast.Lambda) or (one is not None and not self.foreign(one)) for one in values)
        if func.id in self.space:
            return not self._plain(self.space[func.id], node)
        return not hasattr(builtins, func.id) or func.id in ("open", "input", "print")

    def _of_self(self, name: str, func: ast.Attribute, node: ast.Call) -> bool:
        if name in self.methods:
            return self._handed(node)
        if name in LOGGING:
            return True
        if any(isinstance(one, ast.Call) and "oss" in self.code.dotted(one.func) for one in self.code.attribute(func)):
            return False
        return not CRITERIA & set(tokens(name))

    def _of_module(self, module: ModuleType, names: list[str], node: ast.Call) -> bool:
        full = ".".join([module.__name__, *names])
        if full.startswith(OF_OTHERS):
            return True
        found: Any = module
        for name in names:
            found = getattr(found, name, None)
        return not self._plain(found, node) if full.partition(".")[0] not in COMPUTES else False

    def _plain(self, of: Any, node: ast.Call) -> bool:  # noqa: ANN401 - what a name stands for
        """Whether a function is called that can be run on what is here."""
        if isinstance(of, Placeholder) or of is None:
            return False
        module = str(getattr(of, "__module__", "") or "")
        if module.partition(".")[0] in COMPUTES or module == "builtins":
            return not module.startswith(OF_OTHERS)
        code = getattr(of, "__code__", None)
        own = isinstance(of, FunctionType) and not installed(code.co_filename if code else "")
        return (own or (isinstance(of, type) and "oss" in of.__name__)) and not self._handed(node)

    def _handed(self, node: ast.Call) -> bool:
        """Whether a call is handed a model, or what one made that is no tensor."""
        every = [*node.args, *(one.value for one in node.keywords)]
        names = [one.value if isinstance(one, ast.Starred) else one for one in every]
        return any(self.foreign(one) or self._model(one) for one in names)

    def _model(self, node: ast.expr) -> bool:
        name = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
        if name.lower() in MODELS | TEACHER_MODELS | {"tokenizer", "batch", "accelerator"}:
            return True
        return isinstance(node, ast.Name) and any(
            one is not None and self.foreign(one) for one in self.code.values(node)
        )


def _chain(node: ast.Attribute) -> tuple[str | None, list[str]]:
    """The first name of a chain of attributes, and the others; None where it begins with something else."""
    names: list[str] = []
    over: ast.expr = node
    while isinstance(over, ast.Attribute):
        names.insert(0, over.attr)
        over = over.value
    return (over.id if isinstance(over, ast.Name) else None), names


def _of_settings(node: ast.expr) -> bool:
    """Whether it is an object of settings, or a part of one: ``args.kd``."""
    while isinstance(node, ast.Attribute):
        if setting(node.attr) is Role.CONFIG:
            return True
        node = node.value
    return isinstance(node, ast.Name) and setting(node.id) is Role.CONFIG


def is_self(node: ast.AST) -> bool:
    """Whether it is the name `self`."""
    return isinstance(node, ast.Name) and node.id == "self"
