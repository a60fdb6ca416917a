from types import SimpleNamespace

import torch

from sad.invariants.weights_constant import weights_constant

SHARES = {"kd": 0.4, "layerwise": 0.3, "lm": 0.2, "contrastive": 0.1}


def judged(weigh):
    def loss(raw):
        weights = {name: weigh(name, value) for name, value in raw.items()}
        return sum(weights[name] * raw[name] for name in raw), {
            name: float(torch.as_tensor(w).detach()) for name, w in weights.items()
        }

    return weights_constant(SimpleNamespace(loss=loss))


def test_numbers_hold():
    assert judged(lambda name, _: SHARES[name]).holds


def test_weights_from_detached_values_hold():
    assert judged(lambda name, value: SHARES[name] / value.detach()).holds


def test_weights_that_are_differentiated_break_it():
    verdict = judged(lambda name, value: SHARES[name] / value)
    assert not verdict.holds
    assert verdict.says.startswith("gradient of ")


def test_a_term_that_is_cut_off_breaks_it():
    def loss(raw):
        return sum(v for n, v in raw.items() if n != "lm"), dict.fromkeys(raw, 1.0)

    verdict = weights_constant(SimpleNamespace(loss=loss))
    assert not verdict.holds
    assert verdict.says == "gradient of lm is 0, its weight 1"


def test_learned_weights_are_not_weights_of_the_terms_alone():
    log_variance = torch.zeros(4, requires_grad=True)

    def loss(raw):
        return sum(torch.exp(-s) * v * v for s, v in zip(log_variance, raw.values(), strict=True)), dict.fromkeys(
            raw, 1.0
        )

    assert not weights_constant(SimpleNamespace(loss=loss)).holds
