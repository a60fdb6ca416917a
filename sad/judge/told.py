"""`--given NAME=WHAT`: what a parameter or a setting is whose name does not tell.

WHAT is a value (`4`, `'kl'`, `[1, 2]`, `None`), or one of the field's names (``WORDS``): then it is read as if it were
called that. What is told stands for the one piece of code that is judged, in its process.
"""

from __future__ import annotations

import ast
import keyword
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from sad.errors import UserError
from sad.judge.interface import Interface

WORDS: Mapping[Interface, tuple[str, ...]] = {
    Interface.LOSS: (
        *("student_logits", "teacher_logits", "student_log_probs", "teacher_log_probs", "student_probs"),
        *("teacher_probs", "student_hidden_states", "teacher_hidden_states", "labels", "loss_mask", "padding_mask"),
        *("input_ids", "temperature", "beta", "ce_weight", "kd_weight", "num_items_in_batch", "ignore_index"),
        *("vocab_size", "batch", "model", "teacher_model", "tokenizer", "config", "criterion"),
    ),
    Interface.COLLATOR: (
        "features",
        "tokenizer",
        "max_length",
        "pad_token_id",
        "eos_token_id",
        "ignore_index",
        "config",
    ),
    Interface.EVALUATOR: (
        "model",
        "teacher",
        "loader",
        "tokenizer",
        "logits",
        "labels",
        "eval_pred",
        "criterion",
        "config",
    ),
    Interface.STEP: (
        *("model", "teacher", "optimizer", "scheduler", "loader", "val_loader", "batch", "micro_batches", "get_batch"),
        *("labels", "attention_mask", "accumulation_steps", "max_grad_norm", "lr", "epochs", "max_steps"),
        *("batch_size", "batch_idx", "tokenizer", "accelerator", "scaler", "criterion", "config", "device"),
    ),
    Interface.ALIGNMENT: (
        "text",
        *(f"{side}_{part}" for part in ("tokenizer", "ids", "tokens", "offsets") for side in ("student", "teacher")),
    ),
}
"""The names that each interface reads, of which the likeliest are offered."""
OPENS = "[({'\""
"""How a value begins that is no bare word."""
ABSENT: Final = object()
"""Of what nothing is told."""


@dataclass(frozen=True, slots=True)
class Told:
    """What one name is: read as another, or this value."""

    value: Any = None
    alias: str = ""

    def __str__(self) -> str:
        return f"read as {self.alias}" if self.alias else repr(self.value)


def parse(said: Iterable[str], interface: Interface) -> dict[str, Told]:
    """Return what is told by name. Raises UserError for what is no NAME=WHAT, and for a name that is told twice."""
    told: dict[str, Told] = {}
    for one in said:
        name, equals, what = (part.strip() for part in one.partition("="))
        if not equals or not what or not name.isidentifier() or keyword.iskeyword(name):
            raise UserError(f"--given {one}: write NAME=WHAT: --given group_size=4, --given soft=teacher_logits")
        if name in told:
            raise UserError(f"--given {name} is told twice: {told[name]} and {what}: leave one out")
        told[name] = _read(name, what, interface)
    return told


def of(given: Mapping[str, object], interface: Interface) -> dict[str, Told]:
    """Return what is told by name, of values and of the field's names (as text)."""
    return {
        name: Told(alias=what) if isinstance(what, str) and what in WORDS[interface] else Told(what)
        for name, what in given.items()
    }


def _read(name: str, what: str, interface: Interface) -> Told:
    if what in WORDS[interface]:
        return Told(alias=what)
    try:
        return Told(ast.literal_eval(what))
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        if what[0] not in OPENS:
            return Told(what)
    raise UserError(f"--given {name}={what}: no value of Python; write a number, 'text', [1, 2], True, None") from None


_told: dict[str, Told] = {}
_asked: set[str] = set()


@contextmanager
def telling(told: Mapping[str, Told]) -> Iterator[None]:
    """Tell these for as long as it is open."""
    _told.update(told)
    try:
        yield
    finally:
        _told.clear()
        _asked.clear()


def parameters(names: Iterable[str]) -> dict[str, Told]:
    """Return what is told of these parameters."""
    found = {name: _told[name] for name in names if name in _told}
    _asked.update(found)
    return found


def value_of(name: str) -> Any:  # noqa: ANN401 - any value
    """Return the value that is told of a setting, ``ABSENT`` for none."""
    one = _told.get(name)
    if one is None or one.alias:
        return ABSENT
    _asked.add(name)
    return one.value


def meant(name: str) -> str:
    """Return the name that a setting is read as."""
    one = _told.get(name)
    if one is None or not one.alias:
        return name
    _asked.add(name)
    return one.alias


def assumed() -> list[str]:
    """Say what was told, one sentence each. Raises UserError for what nothing asked for."""
    if lost := [name for name in _told if name not in _asked]:
        raise UserError(f"--given {lost[0]}: it has no such parameter and asks for no such setting: leave it out")
    return [f"{name} is {one}, as told by --given" for name, one in _told.items()]
