from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from sad import terms as shipped
from sad import tiny
from sad.batch import Sum
from sad.preflight.finding import Level
from sad.preflight.mend import mended
from sad.preflight.opening import opening
from sad.preflight.terms import WANTED, mended_weight, terms


def test_a_sound_recipe_has_no_alarm(bench) -> None:
    made = bench()
    found = list(terms(made))
    assert all(f.level is Level.FINE for f in found)
    numbers = found[0].numbers
    assert {"share/kd", "gradient/lm", "raw/layerwise", "weight/kd"} <= numbers.keys()
    # the norm of each term is what its share is of all of them
    norms = {name: numbers[f"gradient_norm/{name}"] for name in ("kd", "lm", "layerwise")}
    assert min(norms.values()) > 0
    for name, norm in norms.items():
        assert numbers[f"gradient/{name}"] == pytest.approx(norm / sum(norms.values()))
        assert f"of the gradient (norm {norm:.3g})" in found[0].says


def test_a_layerwise_weight_far_too_large_is_wrong_and_the_edit_mends_it(bench, wrong) -> None:
    changes = {"terms": {"layerwise": {"weight": 100.0}}}
    made = bench(changes)
    (found,) = wrong(terms(made))
    assert "layerwise owns the run before its first step" in found.says
    assert found.numbers["share"] > 0.9
    recipe = mended(made.plan.recipe, dict(found.edits))
    again = bench({"terms": recipe.terms.model_dump()})
    assert not wrong(terms(again))
    opened = opening(again)
    assert max(opened.ledger.shares["layerwise"], opened.gradient_shares["layerwise"]) == pytest.approx(
        WANTED, abs=0.03
    )


def test_a_term_that_owns_the_gradient_only_is_caught_too(bench, wrong) -> None:
    """Contrastive at a low temperature: a small value with a steep gradient."""
    changes = {"terms": {"contrastive": {"weight": 3.0, "temperature": 0.001}, "layerwise": {"weight": 0.0}}}
    made = bench(changes)
    opened = opening(made)
    assert opened.gradient_shares["contrastive"] > 0.9
    assert "contrastive" in wrong(terms(made))[0].says


def test_a_main_term_that_drowns_the_others_is_a_warning(bench, wrong) -> None:
    found = list(terms(bench({"terms": {"kd": {"weight": 1000.0}}})))
    assert not wrong(found)
    assert any("can hardly be heard" in f.says for f in found if f.level is Level.WARNING)


def test_a_raw_layerwise_loss_is_seen_before_the_first_step(bench, wrong, monkeypatch) -> None:
    def raw(view):
        student, teacher = view.states(0)
        return Sum(1000 * F.mse_loss(student, teacher.float(), reduction="none").mean(-1).sum(), len(student))

    monkeypatch.setitem(shipped.TERMS, "layerwise", raw)
    found = wrong(terms(bench()))
    assert "compares raw ones" in found[0].says
    assert found[0].edits == {"terms.layerwise.weight": 0.0}


def test_a_term_that_is_not_finite_is_named(bench, wrong) -> None:
    pair = tiny.pair()
    pair.teacher.lm_head.weight.data[5] = torch.nan
    (found,) = wrong(terms(bench(of=pair)))
    assert found.says == "before any step kd is nan"


def test_a_value_that_is_not_finite_is_named(bench, wrong) -> None:
    pair = tiny.pair()
    pair.student.model.norm.weight.data[3] = torch.inf
    (found,) = wrong(terms(bench(of=pair)))
    assert "lm is nan" in found.says


def test_a_term_without_gradient_is_wrong(bench, wrong, monkeypatch) -> None:
    kept = shipped.TERMS["kd"]

    def cut(view):
        one = kept(view)
        return Sum(one.total.detach(), one.units)

    monkeypatch.setitem(shipped.TERMS, "kd", cut)
    (found,) = wrong(terms(bench()))
    assert "kd has a weight and gives the student no gradient" in found.says


def test_predicted_shares_are_told_against_their_targets(bench) -> None:
    found = [f for f in terms(bench({"shares": {"kd": 50, "lm": 30, "layerwise": 20}})) if "wanted" in f.says]
    assert "kd" in found[0].says
    assert found[0].numbers["off_target"] < 0.15


def test_a_mended_weight_is_rounded_down(bench) -> None:
    weight = mended_weight(opening(bench({"terms": {"layerwise": {"weight": 100.0}}})), "layerwise")
    assert 0 < weight < 100
    assert weight == float(f"{weight:.2g}")
