"""Scores of scikit-learn and of `evaluate` that metrics call, where those are not installed: by their definitions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sad.judge.stand_in import NeedsAdapterError


def accuracy_score(y_true: ArrayLike, y_pred: ArrayLike, *, normalize: bool = True) -> float:
    """Return the share of predictions that are the label, or with ``normalize=False`` their number.

    Raises ValueError for arrays of unequal lengths, or of more than one axis, as scikit-learn does.
    """
    true, predicted = _pair(y_true, y_pred)
    right = float((true == predicted).sum())
    return right / len(true) if normalize else right


def precision_recall_fscore_support(
    y_true: ArrayLike, y_pred: ArrayLike, *, average: str | None = None, **_: object
) -> tuple[Any, Any, Any, Any]:
    """Return precision, recall, F1 and the number of labels: of each class, or their ``average``; 0 for 0 / 0.

    Raises ValueError as `accuracy_score` does, and for a binary average of more than two classes.
    """
    true, predicted = _pair(y_true, y_pred)
    classes = np.unique(np.concatenate([true, predicted]))
    if average == "micro":
        share = float((true == predicted).mean())
        return share, share, share, None
    if average == "binary":
        if len(classes) > 2:
            raise ValueError("a binary average of more than two classes")
        classes = classes[-1:]
    hits = np.array([((true == one) & (predicted == one)).sum() for one in classes], dtype=float)
    said = np.array([(predicted == one).sum() for one in classes], dtype=float)
    there = np.array([(true == one).sum() for one in classes], dtype=float)
    precision, recall = hits / np.maximum(said, 1), hits / np.maximum(there, 1)
    both = precision + recall
    f1 = 2 * precision * recall / np.where(both > 0, both, 1)
    if average is None:
        return precision, recall, f1, there
    weights = there if average == "weighted" else np.ones_like(there)
    means = [float(np.average(one, weights=weights)) for one in (precision, recall, f1)]
    return means[0], means[1], means[2], None


def f1_score(y_true: ArrayLike, y_pred: ArrayLike, *, average: str | None = "binary", **_: object) -> Any:  # noqa: ANN401 - a number, or one a class
    """Return F1, as `precision_recall_fscore_support` does."""
    return precision_recall_fscore_support(y_true, y_pred, average=average)[2]


def precision_score(y_true: ArrayLike, y_pred: ArrayLike, *, average: str | None = "binary", **_: object) -> Any:  # noqa: ANN401
    """Return the precision, as `precision_recall_fscore_support` does."""
    return precision_recall_fscore_support(y_true, y_pred, average=average)[0]


def recall_score(y_true: ArrayLike, y_pred: ArrayLike, *, average: str | None = "binary", **_: object) -> Any:  # noqa: ANN401
    """Return the recall, as `precision_recall_fscore_support` does."""
    return precision_recall_fscore_support(y_true, y_pred, average=average)[1]


def _pair(y_true: ArrayLike, y_pred: ArrayLike) -> tuple[NDArray[Any], NDArray[Any]]:
    true, predicted = np.asarray(y_true), np.asarray(y_pred)
    if true.ndim != 1 or predicted.ndim != 1:
        raise ValueError("labels of more than one axis are not supported")
    if len(true) != len(predicted):
        raise ValueError(f"{len(true)} labels and {len(predicted)} predictions differ in number")
    return true, predicted


class Metric:
    """A metric of `evaluate` by its name. Only those above are known."""

    def __init__(self, name: str, *_: object, **__: object) -> None:
        self.name = name
        self.kept: list[tuple[NDArray[Any], NDArray[Any]]] = []

    def add_batch(self, predictions: ArrayLike, references: ArrayLike) -> None:
        """Keep predictions and their labels until they are scored."""
        self.kept.append((np.asarray(predictions), np.asarray(references)))

    def compute(
        self,
        predictions: ArrayLike | None = None,
        references: ArrayLike | None = None,
        **named: Any,  # noqa: ANN401 - its own
    ) -> dict[str, Any]:
        """Return the score under its name, of what was kept where nothing is given, which is then forgotten.

        Raises ``NeedsAdapterError`` for a metric that is not known.
        """
        if predictions is None or references is None:
            kept, self.kept = self.kept, []
            if self.name not in METRICS:
                # a loop scores on its way: nobody looks at that
                return defaultdict(float)
            predictions, references = (np.concatenate([pair[side].ravel() for pair in kept]) for side in (0, 1))
        if self.name not in METRICS:
            raise NeedsAdapterError(f"it calls evaluate.load({self.name!r}), which is not installed here")
        return {self.name: METRICS[self.name](references, predictions, **named)}


METRICS: Mapping[str, Callable[..., Any]] = {
    "accuracy": accuracy_score,
    "f1": f1_score,
    "precision": precision_score,
    "recall": recall_score,
}
"""The metrics of `evaluate` that are known."""
SCORES = (accuracy_score, f1_score, precision_score, recall_score, precision_recall_fscore_support)
LOADS = ("load", "load_metric")
"""The names of the functions that load a metric."""


def of(module: str) -> dict[str, Any]:
    """Return what stands for the parts of a module that is not installed, none for another module."""
    if module == "sklearn.metrics":
        return {one.__name__: one for one in SCORES}
    return {"load": Metric} if module == "evaluate" else {}
