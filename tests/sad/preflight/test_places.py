from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sad import tiny
from sad.preflight.finding import Level
from sad.preflight.places import places
from sad.terms import teacher


@pytest.mark.parametrize("sizes", [(320, 320), (320, 448)], ids=["one tokenizer", "two tokenizers"])
def test_places_that_are_compared_have_read_the_same_bytes(bench, sizes) -> None:
    found = list(places(bench({"terms": {"kd": {"temperature": 2.0}}}, of=tiny.pair(*sizes))))
    assert [f.level for f in found] == [Level.FINE] * 2
    assert found[0].numbers["off"] == 0
    assert found[1].numbers["apart"] < 1e-5


@pytest.mark.parametrize("name", ["jsd", "skew_kl", "skew_reverse_kl"])
def test_other_divergences_are_compared_with_their_own_sum(bench, name) -> None:
    terms = {"kd": {"divergence": name, "mix": 0.2, "temperature": 2.0}}
    (_, found) = places(bench({"terms": terms}, of=tiny.pair(320, 448)))
    assert found.level is Level.FINE
    assert found.numbers["apart"] < 1e-5


def test_boundaries_that_are_off_by_one_are_wrong(bench, wrong) -> None:
    made = bench()
    made.plan.train[:] = [replace(e, at_teacher=np.maximum(e.at_teacher - 1, 0)) for e in made.plan.train]
    assert "spell other bytes" in wrong(places(made))[0].says


def test_a_teacher_that_is_read_one_place_too_early_is_wrong(bench, wrong, monkeypatch) -> None:
    """The term takes the teacher's logits from the place before each boundary."""

    monkeypatch.setattr(teacher, "teacher_rows", lambda states, at: states[at.row, (at.teacher - 1).clamp_min(0)])
    (found,) = wrong(places(bench()))
    assert "compares other places" in found.says


def test_without_kd_only_the_bytes_are_looked_at(bench) -> None:
    assert len(list(places(bench({"terms": {"kd": {"weight": 0.0}}})))) == 1
