import runpy
from dataclasses import replace
from pathlib import Path

import pytest

from sad.shipped import states_loss as module
from sad.shipped.states_loss import states_loss
from sad.subjects.states import plain, slopes

GIVEN = runpy.run_path(str(Path(__file__).parents[1] / "subjects" / "test_states.py"))["GIVEN"]


@pytest.mark.parametrize("top", [None, 3])
def test_it_is_the_pass_that_trains(monkeypatch, top):
    """Nothing is computed here: without the pass there is no loss."""
    given = replace(GIVEN, top=top, shares=(0.6, 0.4))
    got, right = slopes(states_loss(), given), plain(given)
    assert got.value == pytest.approx(right.value, rel=1e-5)
    assert all(((a - b).norm() / b.norm()) < 1e-5 for a, b in zip(got.gradients, right.gradients, strict=True))

    def crash(*_, **__):
        raise KeyError("the pass")

    monkeypatch.setattr(module, "vocabulary_pass", crash)
    with pytest.raises(KeyError, match="the pass"):
        states_loss()(given)


def test_another_likelihood_without_a_gradient_is_told(monkeypatch):
    given = replace(GIVEN, top=None)
    module._check_likelihood(given)

    right = module.likelihood.log_likelihood
    monkeypatch.setattr(module.likelihood, "log_likelihood", lambda *of: right(*of) * 1.01)
    with pytest.raises(AssertionError, match="another likelihood"):
        module._check_likelihood(given)


def test_a_gradient_of_other_factors_than_announced_is_told(monkeypatch):
    given = replace(GIVEN, top=None, shares=(0.6, 0.4))
    module._check_announced(given)

    monkeypatch.setattr(module, "_pass", lambda made, _: made.hidden.sum())
    with pytest.raises(AssertionError, match="other factors"):
        module._check_announced(given)


@pytest.mark.parametrize("top", [None, 3])
def test_a_measure_that_its_definition_does_not_give_is_told(monkeypatch, top):
    labels = GIVEN.labels.clamp_max(GIVEN.tokens - 1)
    given = replace(GIVEN, top=top, temperature=1.0, labels=labels, shares=(0.6, 0.4))
    right, measured = module.vocabulary_pass, []

    def planted(*of, **how):
        found = right(*of, **how)
        measured[:] = found.signals
        return replace(found, signals={**found.signals, wrong: found.signals[wrong] + 1} if wrong else found.signals)

    monkeypatch.setattr(module, "vocabulary_pass", planted)
    wrong = ""
    module._pass(given, given.shares, measure=True)
    names = list(measured)
    assert len(names) == 7
    for wrong in names:
        with pytest.raises(AssertionError, match=f"another {wrong}"):
            module._pass(given, given.shares, measure=True)
