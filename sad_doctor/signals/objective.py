"""What a log is of, by the names of its columns: a policy that is rewarded, or classes that are told apart."""

from __future__ import annotations

import re

from sad_doctor.run import Run

_REWARDED = re.compile(
    r"(?:^|[/_])rewards?(?:$|[/_](?!chosen|rejected|margin|accurac))|advantage|clip_?(?:ratio|frac)", re.IGNORECASE
)
"""The rewards of preference pairs, as DPO logs them, are of a loss that has a floor and falls."""

_CLASSES = re.compile(
    r"(?:(?:train|training|eval|val|valid|validation|test|dev)[/_])*(?:acc(?:uracy)?|top_?-?[15](?:_?acc(?:uracy)?)?"
    r"|acc(?:uracy)?_?@?[15]|prec(?:ision)?@?[15]|m?iou|m?ap"
    r"|loss_(?:[a-z]+_)?(?:bbox|box|iou|giou|dfl|mask|dice|rpn)|(?:[a-z]+_)?(?:bbox|box|iou|giou|dfl|mask|dice|rpn)_loss)",
    re.IGNORECASE,
)


def rewarded(run: Run) -> bool:
    """Say whether a policy is trained on rewards: its loss has no floor, and need not fall while it learns."""
    return any(_REWARDED.search(name) for name in run.columns)


def of_classes(run: Run) -> bool:
    """Say whether an accuracy is logged that is not said to be of tokens, or a loss of boxes: one may come near 0."""
    return any(_CLASSES.fullmatch(name) for name in run.columns)
