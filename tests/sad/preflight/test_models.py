from __future__ import annotations

from dataclasses import replace

import torch
from torch import nn

from sad import tiny
from sad.preflight.finding import Level
from sad.preflight.models import models, shape, shares_head
from sad.terms import View


def untied(config: bool) -> nn.Module:
    """A student whose head is a tensor of its own, whatever its configuration says."""
    made = tiny.model(320, layers=2, width=16, seed=2, tie_word_embeddings=config)
    made.lm_head.weight = nn.Parameter(made.lm_head.weight.detach().clone() + 0.01)
    return made


def test_a_sound_pair_is_fine_and_its_shape_is_told(bench) -> None:
    found = list(models(bench()))
    assert all(f.level is Level.FINE for f in found)
    says = " ".join(f.says for f in found)
    for part in ("3 layers x 32", "2 layers x 16", "float32", "head tied", "1 to 2", "every trainable tensor"):
        assert part in says


def test_a_head_that_is_its_own_where_the_configuration_ties_it_is_a_warning(bench) -> None:
    for config, expected in ((True, 1), (False, 0)):
        student = untied(config)
        assert not shares_head(student)
        assert "head its own" in shape(student)
        found = [f.says for f in models(bench(of=replace(tiny.pair(), student=student))) if f.level is Level.WARNING]
        assert len([says for says in found if "they are two tensors" in says]) == expected
    # and a tensor that is shared where it should not be
    both = tiny.model(320, layers=2, width=16, seed=2)
    both.config.tie_word_embeddings = False
    levels = [f.level for f in models(bench(of=replace(tiny.pair(), student=both)))]
    assert levels.count(Level.WARNING) == 1


def test_a_weight_that_is_not_finite_is_named(bench, wrong) -> None:
    pair = tiny.pair()
    pair.teacher.model.layers[1].mlp.up_proj.weight.data[0, 0] = torch.nan
    found = wrong(models(bench(of=pair)))
    assert "model.layers.1.mlp.up_proj.weight" in found[0].says


def test_a_parameter_that_no_gradient_reaches_is_named(bench) -> None:
    """A branch that the forward never takes."""
    pair = tiny.pair()
    pair.student.extra = nn.Linear(4, 4)
    found = [f for f in models(bench(of=pair)) if f.level is Level.WARNING]
    assert "extra.weight" in found[0].says


def test_a_student_whose_gradient_is_cut_is_wrong(bench, wrong, monkeypatch) -> None:
    """The states are detached on their way to the head: the body gets nothing."""
    kept = View.target_states
    monkeypatch.setattr(View, "target_states", lambda self: kept(self).detach())
    pair = replace(tiny.pair(), student=untied(False))
    found = wrong(models(bench({"terms": {"layerwise": {"weight": 0.0}}}, of=pair)))
    assert found
    assert found[0].numbers["unreached"] > 0.2


def test_frozen_tensors_of_the_student_are_told(bench) -> None:
    pair = tiny.pair()
    pair.student.get_input_embeddings().weight.requires_grad_(False)
    assert any("frozen" in f.says for f in models(bench(of=pair)) if f.level is Level.WARNING)


def test_a_map_that_no_term_uses_is_told_as_such(bench) -> None:
    def said(weight: float) -> bool:
        found = models(bench({"terms": {"layerwise": {"weight": weight}}}))
        return any(f.says.endswith("no term compares states") for f in found)

    assert (said(0.03), said(0.0)) == (False, True)
