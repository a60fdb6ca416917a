import pytest
import torch

from sad.batch import KD, LAYERWISE, Sum
from sad.bugs.one_term_owns_the_loss import BUG
from sad.invariants.shares_held import POINTS, TARGETS
from sad.losses import layerwise
from sad.objective import Ledger, Objective
from sad.verify.battery import run


@pytest.fixture(scope="module")
def found():
    return next(run([BUG]))


def test_verify_catches_it_and_finds_it_absent(found):
    assert found.caught
    assert found.absent
    counted, held, _ = found.reproduced
    assert counted.says == "step 21,700: layerwise called 93.7%, it is 90.6% of 177.1419"
    assert held.numbers["share_layerwise"] > 0.9
    counted, held, _ = found.fixed
    assert counted.says == "step 21,700: layerwise 90.6% of 177.1419"
    assert all(abs(held.numbers[f"share_{name}"] - share) < POINTS for name, share in TARGETS.items())
    assert BUG.issue == "Issue #3: Loss Magnitude Imbalance"


def test_the_documented_fix_trains_the_same(found):
    _, before, _ = found.reproduced
    _, after, _ = found.attempts["follows from issue 1"]
    assert after.numbers == pytest.approx(dict(before.numbers), rel=1e-3)


def test_differentiated_weights_look_perfect_in_the_count(found):
    counted, _, gradient = found.variants["weights that are differentiated"]
    assert counted.numbers["sum"] == pytest.approx(1.0)
    assert not gradient.holds


def test_weights_that_do_not_follow_are_named(monkeypatch, judged):
    monkeypatch.setattr(Objective, "calibrate", lambda *_: None)
    monkeypatch.setattr(Objective, "follow", lambda *_: None)
    monkeypatch.setattr(
        layerwise, "layer_distance", lambda s, t, _: Sum((s - t).square().mean(-1).sum(), len(s)), raising=True
    )
    found = judged(BUG)
    assert not found.absent
    assert "layerwise" in found.fixed[1].says


def test_a_share_of_two_terms_is_named(monkeypatch, judged):
    def of_two(self):
        return {name: part / (part + self.weighted[KD]) for name, part in self.weighted.items()}

    monkeypatch.setattr(Ledger, "shares", property(of_two))
    found = judged(BUG)
    assert not found.absent


def test_a_share_of_values_before_their_weight_is_named(monkeypatch, judged):
    monkeypatch.setattr(
        Ledger, "shares", property(lambda self: {n: v / sum(self.raw.values()) for n, v in self.raw.items()})
    )
    found = judged(BUG)
    assert not found.fixed[0].holds
    assert found.fixed[0].numbers[LAYERWISE] > 0.98


def test_a_gradient_through_the_weights_is_named(monkeypatch, judged):
    def part(self, sums, units):
        return torch.stack(
            [s.total / units[n] * (self.weights[n] / s.total) * s.total.item() for n, s in sums.items()]
        ).sum()

    monkeypatch.setattr(Objective, "part", part)
    monkeypatch.setattr(Objective, "scales", lambda *_: None)
    found = judged(BUG)
    assert not found.fixed[2].holds
    assert not found.absent
