"""Scores are those of their definitions, on numbers that can be counted by hand."""

import numpy as np
import pytest

from sad.errors import UserError
from sad.judge.scores import Metric, accuracy_score, f1_score, of, precision_recall_fscore_support, recall_score

TRUE, SAID = np.array([0, 0, 1, 1, 2]), np.array([0, 1, 1, 1, 0])


def test_scores_of_classes():
    assert accuracy_score(TRUE, SAID) == pytest.approx(3 / 5)
    assert accuracy_score(TRUE, SAID, normalize=False) == 3
    precision, recall, f1, there = precision_recall_fscore_support(TRUE, SAID)
    assert precision.tolist() == pytest.approx([1 / 2, 2 / 3, 0])
    assert recall.tolist() == pytest.approx([1 / 2, 1, 0])
    assert f1.tolist() == pytest.approx([1 / 2, 4 / 5, 0])
    assert there.tolist() == [2, 2, 1]


def test_averages():
    assert f1_score(TRUE, SAID, average="macro") == pytest.approx((1 / 2 + 4 / 5) / 3)
    assert f1_score(TRUE, SAID, average="weighted") == pytest.approx((2 / 2 + 2 * 4 / 5) / 5)
    assert f1_score(TRUE, SAID, average="micro") == pytest.approx(3 / 5)
    assert recall_score([0, 1, 1], [1, 1, 0]) == pytest.approx(1 / 2)
    with pytest.raises(ValueError, match="two classes"):
        f1_score(TRUE, SAID)


def test_other_shapes_are_refused_as_there():
    with pytest.raises(ValueError, match="not supported"):
        accuracy_score([[0, 1]], [[0, 1]])
    with pytest.raises(ValueError, match="differ in number"):
        accuracy_score([0, 1], [0])


def test_a_metric_by_its_name():
    assert Metric("accuracy").compute(predictions=SAID, references=TRUE) == {"accuracy": pytest.approx(3 / 5)}
    with pytest.raises(UserError, match="rouge"):
        Metric("rouge").compute(predictions=SAID, references=TRUE)
    assert of("evaluate") == {"load": Metric}
    assert of("json") == {}


def test_what_is_kept_is_scored_and_forgotten():
    metric, other = Metric("accuracy"), Metric("glue")
    for one in (metric, other):
        one.add_batch(predictions=SAID[:2], references=TRUE[:2])
        one.add_batch(predictions=SAID[2:], references=TRUE[2:])
    assert metric.compute() == {"accuracy": pytest.approx(3 / 5)}
    assert metric.kept == []
    # a loop scores on its way
    assert other.compute()["f1"] == 0
