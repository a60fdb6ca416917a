import pytest
import torch

from sad.shipped.transfer import _by_text, _distance, shipped_transfer


def test_the_targets_do_lean_on_the_student():
    """Else nothing would have to be cut."""
    compared = shipped_transfer().compare()
    assert {"kd", "alm", "layerwise", "attention", "contrastive", "a learned map of layers"} <= set(compared)
    assert all(of.target.requires_grad for of in compared.values())


def test_the_values_are_those_of_the_sides():
    for of in shipped_transfer().compare().values():
        assert float(of.value.detach()) == pytest.approx(
            float(of.distance(of.prediction, of.target).detach()), rel=1e-5
        )


def test_a_distance_is_a_mean_over_places_and_one_of_a_text_over_its_own():
    student = torch.tensor([[1.0, 0.0], [0.0, 2.0], [3.0, 1.0]])
    teacher = torch.tensor([[0.0, 1.0], [0.0, 1.0], [3.0, 1.0]])
    # the first pair stands at a right angle, the others point one way
    assert float(_distance("cosine")(student, teacher)) == pytest.approx(1 / 3, abs=1e-6)

    row = torch.tensor([0, 0, 1])
    count = _by_text(lambda s, _: torch.tensor(float(len(s) ** 2)), row)
    assert float(count(student, teacher)) == pytest.approx((4 + 1) / 3)
