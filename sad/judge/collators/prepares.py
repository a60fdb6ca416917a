"""A function that makes ids and labels of one example, or of the columns of several, as a collator that pads."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Any

import torch
from torch import Tensor

from sad.judge.collators.asked import Strings
from sad.judge.collators.asked import columns as columns_of
from sad.judge.collators.batch import IDS, LEARNED, MASKS, NEXT, OWN, OtherBatchError, WrongBatchError
from sad.subjects.text_loss import IGNORED

ONE = (
    *("example", "sample", "feature", "item", "instance", "datapoint", "data_point", "row", "record", "ex", "entry"),
    *("conversation", "messages", "element"),
)
"""The names of a parameter that is one example."""
PREPARES = re.compile(r"tokeni[sz]e|preprocess|encode|format|prepare|process|convert|generate")
"""What the name of a function that is mapped over a data set is like."""
PAIRED = (
    *(("source", "target"), ("prompt", "completion"), ("prompt", "response"), ("question", "answer")),
    *(("instruction", "output"), ("instruction", "response"), ("input", "output"), ("context", "answer")),
)
"""The names of two parameters that are a prompt and what follows it."""
FILLS = {**dict.fromkeys((*OWN, *NEXT), IGNORED), **dict.fromkeys((*MASKS, *LEARNED), 0)}


class Takes(StrEnum):
    """What a function is called with."""

    LIST = "a list of texts"
    ONE = "one text at a time"
    COLUMNS = "the columns of several texts"
    PAIR = "a prompt and its completion"
    PAIRS = "a list of prompts and one of completions"


def ways(target: Any, names: Sequence[str]) -> tuple[Takes, ...]:  # noqa: ANN401 - anything that is called
    """Return what a function may take, told by its name and its parameters' ``names``."""
    if not inspect.isroutine(target):
        return (Takes.LIST,)
    if pair := paired(names):
        return (Takes.PAIRS if pair[0].endswith("s") else Takes.PAIR,)
    if any(name in ONE for name in names):
        return (Takes.ONE,)
    if PREPARES.search(target.__name__.lower()):
        return (Takes.COLUMNS, Takes.ONE, Takes.LIST)
    return (Takes.LIST,)


def paired(names: Sequence[str]) -> tuple[str, ...]:
    """Return the two parameters that are a prompt and its completion, or the lists of those; none where none are."""
    for first, rest in PAIRED:
        for pair in ((first, rest), (f"{first}s", f"{rest}s")):
            if all(name in names for name in pair):
                return pair
    return ()


def prepared(takes: Takes, function: Callable[..., Any], first: Sequence[str], pad: int) -> Callable[[list[Any]], Any]:
    """Return a function of a list of features. ``first`` are the parameters that a text goes into."""

    def of_one(feature: Any) -> Any:  # noqa: ANN401 - a feature of any form
        if takes is Takes.PAIR:
            return function(**dict(zip(first, feature.values(), strict=True)))
        alone = isinstance(feature, Mapping) and len(feature) == 1 and first[0] in (*feature, "conversation")
        return function(**{first[0]: next(iter(feature.values())) if alone else feature})

    def of_all(features: list[Any]) -> Any:  # noqa: ANN401
        if takes is Takes.LIST:
            return function(**{first[0]: features})
        if takes in (Takes.ONE, Takes.PAIR):
            return padded([of_one(one) for one in features], pad)
        if not all(isinstance(one, Mapping) for one in features):
            raise WrongBatchError("columns are those of dicts")
        columns: dict[str, Any] = {name: [one[name] for one in features] for name in features[0]}
        if all(isinstance(one, Strings) for one in features):
            columns = columns_of(features)
        named = dict(zip(first, columns.values(), strict=False)) if takes is Takes.PAIRS else {first[0]: columns}
        return padded(_apart(function(**named)), pad)

    return of_all


def rows_padded(found: Any, pad: int) -> Any:  # noqa: ANN401 - that is the question
    """Return columns that are lists of rows as one padded batch; anything else as it is."""
    ids = next((found[name] for name in IDS if hasattr(found, "keys") and name in found.keys()), None)  # noqa: SIM118
    return (
        padded(_apart(found), pad) if isinstance(ids, list) and all(hasattr(row, "__len__") for row in ids) else found
    )


def _apart(found: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - that is the question
    """Columns as the rows that they are of."""
    if not hasattr(found, "keys"):
        raise WrongBatchError(f"returns {type(found).__name__}, no columns")
    columns = {str(name): found[name] for name in found.keys()}  # noqa: SIM118 - not every one is a Mapping
    sizes = {len(one) for one in columns.values() if isinstance(one, list | Tensor)}
    if len(sizes) != 1:
        raise WrongBatchError("returns columns of several lengths")
    return [{name: one[row] for name, one in columns.items()} for row in range(sizes.pop())]


def padded(rows: Sequence[Any], pad: int) -> dict[str, Tensor]:
    """Return rows as one batch, padded on the right: ids with ``pad``, labels with -100; with a mask of its texts.

    Raises ``WrongBatchError`` for rows that have no ids.
    """
    parts = [_parts(row) for row in rows]
    names = [name for name in parts[0] if all(name in one for one in parts)]
    ids = next((name for name in IDS if name in names), "")
    if not ids:
        raise WrongBatchError(f"returns no input_ids; it returns {', '.join(parts[0]) or type(rows[0]).__name__}")
    sizes = [len(one[ids]) for one in parts]
    out = {}
    for name in names:
        kept = [one[name] for one in parts]
        if [len(one) for one in kept] != sizes and (name in FILLS or name == ids):
            raise WrongBatchError(f"{ids} {sizes} and {name} {[len(one) for one in kept]} differ in length")
        if name == ids or name in FILLS:
            out[name] = torch.nn.utils.rnn.pad_sequence(kept, True, pad if name == ids else FILLS[name])
    if not any(name in out for name in MASKS):
        out["attention_mask"] = torch.nn.utils.rnn.pad_sequence([torch.ones(n, dtype=torch.long) for n in sizes], True)
    return out


def _named(row: Sequence[Any]) -> dict[str, Any]:
    """Name a row's parts: labels, or the next ids and which of them are learned, where those lack -100."""
    ids, labels, *rest = (torch.as_tensor(one).flatten() for one in row)
    binary = bool(rest) and bool(((rest[0] == 0) | (rest[0] == 1)).all())
    if binary and ids.shape == labels.shape == rest[0].shape and not bool((labels == IGNORED).any()):
        told = labels.where(rest[0].bool(), IGNORED)
        if not torch.equal(ids[1:], labels[:-1]):
            return {"input_ids": ids, "labels": told}
        # the last token stands in the next ids alone
        return {"input_ids": torch.cat([ids, labels[-1:]]), "labels": torch.cat([ids[:1] * 0 + IGNORED, told])}
    return dict(zip(("input_ids", "labels", "attention_mask"), row, strict=False))


def _parts(row: Any) -> dict[str, Tensor]:  # noqa: ANN401 - a dict, an encoding or a pair
    if isinstance(row, tuple | list) and len(row) in (2, 3):
        row = _named(row)
    if not hasattr(row, "keys"):
        raise WrongBatchError(f"returns {type(row).__name__}, no input_ids")
    found = {}
    for name in row.keys():  # noqa: SIM118
        try:
            one = torch.as_tensor(row[name])
        except (TypeError, ValueError, RuntimeError):
            if name in IDS and isinstance(row[name], list) and None in row[name]:
                raise OtherBatchError("its ids have None: its tokenizer lacks a mark that it asks for") from None
            continue
        one = one.squeeze(0) if one.ndim == 2 and len(one) == 1 else one
        if one.ndim == 1:
            found[str(name)] = one
    return found
