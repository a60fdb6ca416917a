"""The properties that are asked: of a loss those of `sad/invariants` that take a divergence, found unimported."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Callable
from functools import cache
from importlib.resources import files

from sad import catalogue
from sad.errors import UserError, listed
from sad.judge.interface import PROPERTIES, Interface
from sad.judge.target import said
from sad.subjects.divergence import Divergence
from sad.verdict import Standing, Verdict

OWN = (
    "can_be_called",
    "known_divergence",
    "claims",
    "divisor",
    "temperature_squared",
    "without_labels",
    "inputs_untouched",
    "fused_gradients",
    "switches",
)
"""What is judged before them, and what it takes to judge them."""
NUMBER = re.compile(r"i\d+")
"""A word that means a property's number, in lower case."""


@cache
def stated() -> dict[str, str]:
    """Return the number (I06) of each property that takes a ``Divergence``, by its name."""
    found = {}
    for path in sorted(files("sad").joinpath("invariants").iterdir(), key=lambda path: path.name):
        if not path.name.endswith(".py") or path.name.startswith("_"):
            continue
        name, tree = path.name.removesuffix(".py"), ast.parse(path.read_text(encoding="utf-8"))
        if _imports_divergence(tree) and any(_judges(node, name) for node in tree.body):
            found[name] = next((i for node in tree.body if (i := _number(node))), "")
    return found


def names(interface: Interface = Interface.LOSS) -> tuple[str, ...]:
    """Return every property that a loss, or code of another interface, can be judged by, in order."""
    return (*OWN, *stated()) if interface is Interface.LOSS else PROPERTIES[interface]


def numbers(interface: Interface = Interface.LOSS) -> dict[str, str]:
    """Return the number (I06) of each property that has one, by its name."""
    if interface is Interface.LOSS:
        return stated()
    every = catalogue.numbers()
    return {name: every[name] for name in PROPERTIES[interface] if name in every}


def chosen(only: tuple[str, ...], interface: Interface = Interface.LOSS) -> tuple[str, ...]:
    """Return the properties of the names or numbers given, all if none is. Raises UserError for an unknown one."""
    every, by_name = names(interface), numbers(interface)
    wanted = [word.strip().lower().replace("-", "_") for word in only]
    for given, word in zip(only, wanted, strict=True):
        if word not in every and word.upper() not in by_name.values():
            like = sorted({*by_name.values()}) if NUMBER.fullmatch(word) else every
            raise UserError(f"--only {given}: no such property; there are {listed(like, word)}")
    return tuple(n for n in every if not wanted or n in wanted or by_name.get(n, "").lower() in wanted)


def judged(name: str, divergence: Divergence) -> Verdict:
    """Run one property of `sad/invariants`. One that fails itself is told as such: it says nothing of the loss."""
    invariant: Callable[[Divergence], Verdict] = getattr(importlib.import_module(f"sad.invariants.{name}"), name)
    try:
        return invariant(divergence)
    except Exception as error:
        return Verdict(True, f"could not be judged: {said(error)}", standing=Standing.NOT_APPLICABLE)


def _imports_divergence(tree: ast.Module) -> bool:
    return any(
        isinstance(node, ast.ImportFrom)
        and node.module == "sad.subjects.divergence"
        and any(alias.name == "Divergence" for alias in node.names)
        for node in tree.body
    )


def _judges(node: ast.stmt, name: str) -> bool:
    if not isinstance(node, ast.FunctionDef) or node.name != name or len(node.args.args) != 1:
        return False
    annotation = node.args.args[0].annotation
    return annotation is not None and ast.unparse(annotation).strip("'\"") == "Divergence"


def _number(node: ast.stmt) -> str:
    if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "ID" and isinstance(node.value, ast.Constant):
        return str(node.value.value)
    return ""
