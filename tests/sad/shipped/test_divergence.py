from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from sad.shipped.divergence import distillation, forward_kl, jensen_shannon, language_model, likelihood
from sad.subjects.divergence import IGNORED, Reduction, Squared, Takes
from sad.subjects.probe.inputs import call
from sad.subjects.probe.measure import measure
from sad.subjects.probe.reference import right


def test_what_the_terms_claim():
    kd, lm = distillation().contract, language_model().contract
    assert (kd.squared, kd.reduction, kd.strict) == (Squared.GRADIENT, Reduction.COUNT, True)
    assert Takes.COUNT in kd.takes
    assert Takes.TEMPERATURE not in lm.takes


@pytest.mark.parametrize("divergence", [distillation(), jensen_shannon(), language_model()])
def test_it_is_the_term_of_the_objective(divergence, monkeypatch):
    """Nothing is computed here: without the term there is no loss."""
    from sad import terms

    given = call(divergence.contract)
    got, best = measure(divergence, given), right(divergence, given)
    assert got.value == pytest.approx(best.value, rel=1e-5)
    assert torch.allclose(got.gradient, best.gradient, atol=1e-6)
    monkeypatch.setattr(terms, "TERMS", {})
    assert measure(divergence, given).raised.startswith("KeyError")


@pytest.mark.parametrize("temperature", [1.0, 3.0])
def test_the_function_that_others_call_gives_what_the_term_gives(temperature):
    given = replace(call(distillation().contract), temperature=temperature)
    function, term = measure(forward_kl(), given), measure(distillation(), given)
    assert function.value == pytest.approx(term.value, rel=1e-6)
    assert torch.allclose(function.gradient, term.gradient, atol=1e-7)


def test_likelihood_is_the_cross_entropy():
    given = call(language_model().contract)
    each = likelihood(given.student_logits, given.teacher_logits, given)
    by_torch = F.cross_entropy(
        given.student_logits.flatten(0, 1), given.labels.flatten(), reduction="none", ignore_index=IGNORED
    )
    kept = given.labels.flatten() != IGNORED
    assert torch.allclose(each.flatten()[kept], by_torch[kept])


def test_rows_of_the_wrong_list_are_found(monkeypatch):
    """The student has other targets than boundaries, and the teacher is one token ahead."""
    from sad.terms import View, teacher

    divergence = distillation()
    given = call(divergence.contract)
    best = right(divergence, given)

    def first(view):
        return torch.arange(len(view.batch.boundaries))

    def of_the_student(states, at):
        return states[at.row, at.student]

    for of, name, wrong in ((View, "compared_rows", first), (teacher, "teacher_rows", of_the_student)):
        with monkeypatch.context() as planted:
            planted.setattr(of, name, wrong)
            got = measure(divergence, given)
            assert got.raised or abs(got.value - best.value) > 0.005
    assert measure(divergence, given).value == pytest.approx(best.value, rel=1e-5)
