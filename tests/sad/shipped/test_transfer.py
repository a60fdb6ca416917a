import pytest

from sad.shipped.transfer import shipped_transfer


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
