"""Reads what a collator returned: ids, labels, mask and positions, under the names that the field has for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from inspect import isgenerator
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor

from sad.judge.output import article
from sad.judge.stand_in import NeedsAdapterError
from sad.subjects.text_loss import IGNORED, Collated

IDS = ("input_ids", "inputs", "ids", "tokens", "input", "x")
OWN, NEXT = ("labels", "label_ids", "lm_labels"), ("shift_labels", "targets", "target_ids", "target", "y")
MASKS = ("attention_mask", "attn_mask", "mask")
POSITIONS = ("position_ids", "positions")
LEARNED = (
    *("loss_mask", "completion_mask", "assistant_masks", "labels_mask", "label_mask", "label_masks"),
    *("target_mask", "response_mask", "answer_mask", "assistant_mask"),
)


class WrongBatchError(Exception):
    """What was returned is no batch of a causal language model; the sentence says why."""


class OtherBatchError(NeedsAdapterError):
    """What was returned is a batch for something else."""


@dataclass(frozen=True, slots=True, eq=False)
class Read:
    """A batch. ``names`` are those under which its parts were found; ``whole`` is what was returned, as a dict."""

    batch: Collated
    names: tuple[str, ...]
    whole: Mapping[str, Any]


def read(returned: Any) -> Read:  # noqa: ANN401 - that is the question
    """Read a batch. Raises ``WrongBatchError`` for what is none, ``OtherBatchError`` for one of another kind."""
    if isinstance(returned, Collated):
        return Read(returned, ("the adapter's",), {})
    whole = _as_dict(returned)
    if not any(name in whole for name in IDS):
        # the batch may be one entry beside others
        whole = next((_as_dict(one) for one in whole.values() if isinstance(one, Mapping) and IDS[0] in one), whole)
    ids_name, ids = _tensor(whole, IDS)
    if ids is None:
        raise _without_ids(returned, whole)
    if ids.ndim == 1:
        raise WrongBatchError(f"input_ids have one axis {list(ids.shape)}, not [batch, length]")
    label_name, labels = _tensor(whole, (*OWN, *NEXT))
    learned_name, learned = _tensor(whole, LEARNED)
    mask_name, mask = _tensor(whole, MASKS)
    position_name, positions = _tensor(whole, POSITIONS)
    if labels is None and learned is not None:
        label_name, labels = learned_name, torch.where(learned.bool(), ids, IGNORED)
    elif labels is not None and learned is not None and not bool((labels == IGNORED).any()):
        # the loss is over the labels that the mask says
        labels = torch.where(learned.bool(), labels, IGNORED)
    if labels is None:
        raise WrongBatchError(f"returns no labels; it returns {_told(returned)}")
    parts = ((label_name, labels), (position_name, positions), (mask_name, mask))
    for name, tensor in parts:
        if tensor is not None and tensor.ndim == 2 and tensor.shape != ids.shape:
            raise WrongBatchError(f"{ids_name} {list(ids.shape)} and {name} {list(tensor.shape)} differ in shape")
    if ids.is_floating_point() or labels.is_floating_point():
        raise WrongBatchError(f"{ids_name if ids.is_floating_point() else label_name} are no whole numbers")
    names = tuple(name for name, tensor in ((ids_name, ids), *parts) if tensor is not None)
    shifted = label_name in NEXT and _are_next(ids, labels)
    return Read(Collated(ids.long(), labels.long(), mask, positions, shifted), names, whole)


def _without_ids(returned: Any, whole: Mapping[str, Any]) -> Exception:  # noqa: ANN401 - that is the question
    if whole:
        return OtherBatchError(f"it returns {_told(returned)}, no input_ids: no batch of a causal language model")
    if isinstance(returned, Mapping):
        return OtherBatchError("it returns an empty dict: it looks for other names in its features")
    return WrongBatchError(f"returns no input_ids; it returns {_told(returned)}")


def with_last(batch: Collated, pad: int) -> Collated:
    """Return a batch of which the last tokens stand in the labels alone with a column more, in which they are read.

    Whoever shifts by ``ids[:, :-1]`` and ``ids[:, 1:]`` reads no last token: nothing is predicted from it.
    """
    last, mask, places = batch.labels[:, -1:], batch.attention_mask, batch.position_ids
    told = last != IGNORED
    if not batch.shifted or not bool(told.any()) or (mask is not None and mask.ndim != 2):
        return batch
    return Collated(
        torch.cat([batch.input_ids, last.where(told, pad)], dim=1),
        torch.cat([batch.labels, torch.full_like(last, IGNORED)], dim=1),
        None if mask is None else torch.cat([mask, told.to(mask.dtype)], dim=1),
        None if places is None else torch.cat([places, places[:, -1:] + 1], dim=1),
        shifted=True,
    )


def _are_next(ids: Int[Tensor, "batch length"], labels: Int[Tensor, "batch length"]) -> bool:
    """Whether labels are those of the next place, by counting: names like `targets` do not tell."""
    told = labels != IGNORED
    own = (labels == ids)[told].sum()
    following = (labels[:, :-1] == ids[:, 1:])[told[:, :-1]].sum()
    return bool(following > own)


def _as_dict(returned: Any) -> Mapping[str, Any]:  # noqa: ANN401
    if isinstance(returned, Mapping) or hasattr(returned, "keys"):
        return {str(key): returned[key] for key in returned.keys()}  # noqa: SIM118 - not every one is a Mapping
    if isinstance(returned, tuple | list):
        # a number beside them is a count
        parts = [one for one in returned if not isinstance(one, int | float) and getattr(one, "ndim", True)]
        if 2 <= len(parts) <= 3 and all(map(_is_array, parts)):
            return _from_tuple([torch.as_tensor(one) for one in parts])
    if hasattr(returned, "__dict__") and not isinstance(returned, Tensor):
        return dict(vars(returned))
    if isgenerator(returned):
        raise OtherBatchError("it returns a generator: it makes batches of data that its program has")
    raise WrongBatchError(f"returns {_told(returned)}, no batch")


def _from_tuple(parts: list[Tensor]) -> dict[str, Any]:
    ids, *rest = parts
    found = {"input_ids": ids}
    for one in rest:
        binary = bool(((one == 0) | (one == 1)).all())
        found["attention_mask" if binary and len(rest) > 1 else "targets"] = one
    return found


def _tensor(whole: Mapping[str, Any], names: tuple[str, ...]) -> tuple[str, Tensor | None]:
    name = next((name for name in names if whole.get(name) is not None), "")
    if not name:
        return "", None
    value = whole[name]
    if isinstance(value, Tensor):
        return name, value
    try:
        return name, torch.as_tensor(value)
    except (TypeError, ValueError, RuntimeError):
        what = "rows of unequal lengths" if isinstance(value, list) else article(type(value).__name__)
        raise WrongBatchError(f"{name} is {what}, not a tensor") from None


def _is_array(one: Any) -> bool:  # noqa: ANN401
    return isinstance(one, Tensor) or type(one).__module__ == "numpy"


def _told(returned: Any) -> str:  # noqa: ANN401
    if returned is None:
        return "None"
    if isinstance(returned, Mapping):
        return f"a dict with {', '.join(map(str, list(returned)[:6])) or 'nothing'}"
    return article(type(returned).__name__)
