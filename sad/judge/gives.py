"""Reads `--given NAME=WHAT`: a value (`4`, `'kl'`, `[kl, ce]`, `None`), or one of the field's names (``WORDS``)."""

from __future__ import annotations

import ast
import keyword
import re
from collections.abc import Iterable, Mapping

from sad.errors import UserError
from sad.judge.interface import Interface
from sad.judge.told import Told

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
DTYPE = re.compile(r"torch\.(\w+)")
OPENS = "[({'\""
"""How a value begins that is no bare word."""


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
    if (dtype := DTYPE.fullmatch(what)) and (found := _dtype(dtype[1])) is not None:
        return Told(found)
    try:
        return Told(ast.literal_eval(_Words().visit(ast.parse(what, mode="eval"))))
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        if what[0] not in OPENS:
            return Told(what)
    raise UserError(f"--given {name}={what}: no value of Python; write a number, 'text', [1, 2], True, None") from None


class _Words(ast.NodeTransformer):
    """Takes words without quotes for text, as they are outside a list: a shell takes quotes away."""

    def visit_Name(self, node: ast.Name) -> ast.Constant:
        return ast.Constant(node.id)


def _dtype(name: str) -> object:
    """Return a dtype of torch, None where it has none of this name."""
    import torch

    found = getattr(torch, name, None)
    return found if isinstance(found, torch.dtype) else None
