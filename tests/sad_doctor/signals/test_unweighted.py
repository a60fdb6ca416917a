import pytest

from sad_doctor import signals
from sad_doctor.example import parse


@pytest.mark.parametrize(
    ("text", "name", "last"),
    [
        ("train/raw/kd: 4\ntrain/weight/kd: 0.5\ntrain/weighted/kd: 2", "train/raw/kd", 4),
        ("train/unweighted/kd: 8\ntrain/raw/kd: 4", "train/unweighted/kd", 8),
        ("train/weighted/kd: 2\ntrain/weight/kd: 0.5", "train/weighted/kd", 4),
        (
            "train/loss: 5\ntrain/raw/kd: 2\ntrain/raw/lm: 3\ntrain/weight/kd: 0.5\ntrain/weight/lm: 1",
            "train/weighted/kd",
            4,
        ),
    ],
)
def test_a_term_before_its_weight(text, name, last):
    found = signals.unweighted(parse(f"steps: 5\n{text}"), ["kd"])

    assert found is not None
    assert (found[0], found[1].last) == (name, last)


@pytest.mark.parametrize(
    "text", ["train/weighted/kd: 2", "train/weighted/kd: 2\ntrain/weight/kd: 0.5 -> 1", "train/loss: 2"]
)
def test_what_is_not_known(text):
    assert signals.unweighted(parse(f"steps: 5\n{text}"), ["kd"]) is None


def test_the_label_loss_under_any_of_its_names():
    found = signals.label_loss(parse("steps: 5\ntrain/raw/ce: 4\ntrain/raw/kd: 1"))
    both = signals.label_loss(parse("steps: 5\ntrain/raw/ce: 4\ntrain/raw/lm: 3"))

    assert found is not None
    assert both is not None
    assert (found[0], both[0]) == ("train/raw/ce", "train/raw/lm")


@pytest.mark.parametrize(
    ("loss", "weighted", "summed"),
    [("31", "", True), ("9", "", False), ("9", "31", False), ("", "31", True), ("", "", False)],
)
def test_a_label_loss_above_any_mean_is_summed(loss, weighted, summed):
    """The one before its weight, where it is told."""
    text = "steps: 40\ntrain/loss: 40"
    text += f"\ntrain/raw/lm: {loss}" if loss else ""
    text += f"\ntrain/weighted/lm: {weighted}" if weighted else ""
    assert signals.is_summed(parse(text), 20.0) is summed
