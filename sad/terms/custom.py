"""A user's own terms: found by `module:Class` or `file.py:Class`, and checked against the contract of a term.

A term is called with a :class:`sad.terms.View` and returns a :class:`sad.batch.Sum`. An attribute ``per`` says what its
units are: "boundary" (common boundaries, if it is not there) or "label" (the student's labels). If its attribute
``states`` is true, the view has the pairs of `terms.layerwise.layers`. A class that is a torch module may have weights:
they are trained with the projectors, and saved with them.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import math
import sys
import traceback
from collections.abc import Callable
from dataclasses import fields, replace
from functools import partial, update_wrapper
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sad.batch import KD, LM, Batch, Sum
from sad.errors import UserError
from sad.head.target import Live
from sad.recipe.terms import Custom, Terms
from sad.terms import View

Term = Callable[[View], Sum]
PER = {"boundary": KD, "label": LM}
"""The units that a term may count, and a built-in term with the same ones."""


def make(name: str, custom: Custom) -> Term:
    """Find a term and give it its options. Raises UserError with one line where that cannot be done."""
    found, options = _find(name, custom.term), custom.model_extra or {}
    try:
        # a function keeps its attributes, `per` for one
        term = found(**options) if inspect.isclass(found) else update_wrapper(partial(found, **options), found)
    except (Exception, SystemExit) as error:
        raise UserError(f"{_called(name, custom)} does not take its options: {_first_line(error)}") from error
    if not callable(term):
        raise UserError(f"{_called(name, custom)} cannot be called: give its class a __call__(self, view) -> Sum")
    if (per := getattr(term, "per", "boundary")) not in PER:
        raise UserError(f'{_called(name, custom)} counts per {per!r}: its `per` must be "boundary" or "label"')
    made: Term = term
    return made


def check_names(terms: Terms) -> None:
    """Raise UserError for a term with a weight that is not where its name says; asks for no model, which loads long."""
    for name, custom in terms.custom.items():
        if custom.weight > 0:
            _find(name, custom.term)


def units(term: Term, batch: Batch) -> int:
    """Return how many units a term has in a micro-batch."""
    return batch.counts()[PER[getattr(term, "per", "boundary")]]


def reads_states(term: Term) -> bool:
    """Whether a term asks for the states of ``terms.layerwise.layers``, by an attribute ``states`` that is true."""
    return bool(getattr(term, "states", False))


def call(name: str, custom: Custom, term: Term, view: View, when: str = "") -> Sum:
    """Call a term. Raises UserError, naming the term, where it fails; out of memory is let through, since smaller
    micro-batches may help.
    """
    try:
        return term(view)
    except (Exception, SystemExit) as error:
        if _lacks_memory(error):
            raise
        raise UserError(f"{_called(name, custom)} failed{when}: {_first_line(error)}{_where(error)}") from error


@torch.enable_grad()
def check(name: str, custom: Custom, term: Term, view: View) -> None:
    """Run a term once on a batch and refuse what breaks the contract. Raises UserError with one line.

    It gets detached copies of both models' states, so that no gradient of the training is touched.
    """
    who = _called(name, custom)
    apart, mine, theirs = _apart(view)
    before, hidden = _versions(view.batch), apart.student.hidden
    # whatever it draws, the run afterwards draws the numbers that it would have drawn
    with torch.random.fork_rng(devices=[hidden.device] if hidden.is_cuda else []):
        found = call(name, custom, term, apart, " on the first batch")
    if _versions(view.batch) != before:
        raise UserError(f"{who} changes the batch, which every term reads: take a copy of what it changes")
    total = _total(who, found, units(term, view.batch), getattr(term, "per", "boundary"))
    own = [p for p in view.student.model.parameters() if p.requires_grad]
    _check_gradient(who, total, [*mine, *own], theirs)


def _apart(view: View) -> tuple[View, list[Tensor], list[Tensor]]:
    """Return a view whose states are leaves of a graph of its own, and these: the student's, and the teacher's."""
    mine, student = _leaves(view.student.blocks)
    hidden = view.student.hidden.detach().requires_grad_()
    theirs, blocks = _leaves(view.teacher.blocks)
    target = view.teacher.target
    if isinstance(target, Live):
        target = replace(target, hidden=target.hidden.detach().requires_grad_())
        theirs.append(target.hidden)
    apart = replace(
        view,
        student=replace(view.student, hidden=hidden, blocks=student),
        teacher=replace(view.teacher, target=target, blocks=blocks),
        _passed=None,
    )
    return apart, [hidden, *mine], theirs


def _total(who: str, found: object, expected: int, per: str) -> Tensor:
    """Return the total of what a term gave. Raises UserError where that is no sum of its units, or not finite."""
    if not isinstance(found, Sum):
        raise UserError(f"{who} returns {_a(found)}: it must return a sad.batch.Sum(total, units)")
    total, counted = found.total, found.units
    if not isinstance(total, Tensor) or total.ndim or total.dtype != torch.float32:
        raise UserError(f"{who} has {_a(total)} as its total: it must be one number, a float32 tensor without axes")
    if type(counted) is not int or counted != expected:
        raise UserError(
            f"{who} counts {counted!r} units where the batch has {expected}: return the sum over all of them, "
            f"and their number as an int ({per}: see `per`)"
        )
    if not math.isfinite(float(total.detach())):
        raise UserError(f"{who} is {float(total.detach())} on the first batch: return a finite total")
    return total


def _check_gradient(who: str, total: Tensor, mine: list[Tensor], theirs: list[Tensor]) -> None:
    """Raise UserError unless the student gets a finite gradient, and the teacher none."""
    try:
        slopes, leaked = _slopes(total, mine), _slopes(total, theirs)
    except RuntimeError as error:
        if _lacks_memory(error):
            raise
        raise UserError(
            f"{who} has no gradient: {_first_line(error)[:200]}; compute its total from the view anew each time"
        ) from error
    if not any(slope is not None and bool(slope.any()) for slope in slopes):
        raise UserError(f"{who} gives the student no gradient: compute its total from the view's student")
    if not all(slope is None or bool(slope.isfinite().all()) for slope in slopes):
        raise UserError(
            f"{who} has a gradient on the first batch that is not finite: keep logarithms, roots and quotients off zero"
        )
    if any(slope is not None for slope in leaked):
        raise UserError(f"{who} sends a gradient to the teacher's states: detach what it takes from them")


def _slopes(total: Tensor, leaves: list[Tensor]) -> tuple[Tensor | None, ...]:
    if not total.requires_grad or not leaves:
        return ()
    return torch.autograd.grad(total, leaves, allow_unused=True, retain_graph=True)


def _versions(batch: Batch) -> list[int]:
    """How often each tensor of a batch was changed in place."""
    parts = batch.student, batch.teacher, batch.targets, batch.teacher_targets, batch.boundaries
    every = [getattr(part, field.name) for part in parts for field in fields(part)]
    return [one._version for one in every if one is not None]


def _lacks_memory(error: BaseException) -> bool:
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and "memory" in str(error).lower()


def _leaves(states: dict[int, Tensor]) -> tuple[list[Tensor], dict[int, Tensor]]:
    made = {block: of.detach().requires_grad_() for block, of in states.items()}
    return [*made.values()], made


def _find(name: str, spec: str) -> Any:  # noqa: ANN401 - whatever stands there
    place, _, what = spec.rpartition(":")
    try:
        module = _module(Path(place).expanduser()) if place.endswith(".py") else importlib.import_module(place)
    except (Exception, SystemExit) as error:
        # a script that ends with sys.exit() must not end the run without a word
        raise UserError(f"terms.custom.{name}: cannot import {place}: {_first_line(error)}{_where(error)}") from error
    if not hasattr(module, what):
        raise UserError(f"terms.custom.{name}: {place} has no {what}: name a class or a function of it")
    return getattr(module, what)


def _module(path: Path) -> Any:  # noqa: ANN401
    source = importlib.util.spec_from_file_location(f"sad_custom_{path.stem}", path)
    if source is None or source.loader is None or not path.is_file():
        raise FileNotFoundError("no such file")
    module = importlib.util.module_from_spec(source)
    # a dataclass looks its module up
    sys.modules[source.name] = module
    source.loader.exec_module(module)
    return module


def _called(name: str, custom: Custom) -> str:
    return f"terms.custom.{name} ({custom.term})"


def _a(found: object) -> str:
    return f"a {found.dtype} tensor of shape {list(found.shape)}" if isinstance(found, Tensor) else repr(found)[:60]


def _first_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".strip().splitlines()[0]


def _where(error: BaseException) -> str:
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f" ({Path(last.filename).name}, line {last.lineno})"
