"""No false alarms: every property holds, or is allowed, or does not apply, on every right implementation."""

import pytest
import torch
from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st

from sad.invariants.arguments_have_effect import arguments_have_effect
from sad.invariants.derivative import derivative
from sad.invariants.distinguishes import distinguishes
from sad.invariants.divergence_gradient import divergence_gradient
from sad.invariants.finite import finite
from sad.invariants.half_precision import half_precision
from sad.invariants.ignored_rows import ignored_rows
from sad.invariants.no_gradient_to_teacher import no_gradient_to_teacher
from sad.invariants.padding import padding
from sad.invariants.partition import partition
from sad.invariants.path_parity import path_parity
from sad.shipped.divergence import distillation, language_model
from sad.subjects.probe.compare import difference
from sad.subjects.probe.inputs import Shape, call, half
from sad.subjects.probe.measure import measure
from sad.subjects.probe.reference import right
from sad.subjects.probe.right import RIGHT
from sad.verdict import Standing

EVERY = (
    arguments_have_effect,
    derivative,
    distinguishes,
    divergence_gradient,
    finite,
    half_precision,
    ignored_rows,
    no_gradient_to_teacher,
    padding,
    partition,
    path_parity,
)
EXACT_IN_FLOAT32 = {
    "top-k and a bucket": "equal logits are common in half precision, and either of two is the top",
    "JSD of logarithms": "it computes in the dtype of its inputs",
    "soft targets": "it computes in the dtype of its inputs",
}
SHIPPED = {"distillation": distillation(), "language model": language_model()}


@pytest.mark.parametrize("invariant", EVERY, ids=lambda invariant: invariant.__name__)
@pytest.mark.parametrize("divergence", [*RIGHT.values(), *SHIPPED.values()], ids=[*RIGHT, *SHIPPED])
def test_no_property_is_broken(divergence, invariant):
    verdict = invariant(divergence)
    assert verdict.holds, verdict.says
    assert verdict.says


@pytest.mark.parametrize("invariant", EVERY, ids=lambda invariant: invariant.__name__)
def test_the_code_that_trains_holds_where_others_are_only_allowed(invariant):
    assert invariant(SHIPPED["distillation"]).standing == Standing.HOLDS


@drawn(
    name=st.sampled_from([*RIGHT, *SHIPPED]),
    shape=st.tuples(st.integers(1, 4), st.integers(2, 9), st.integers(2, 400)),
    dtype=st.sampled_from([torch.float32, torch.float16, torch.bfloat16]),
    temperature=st.sampled_from([0.5, 1.0, 2.0, 5.0, 8.0]),
    beta=st.sampled_from([0.0, 0.05, 0.3, 0.5, 0.95, 1.0]),
    size=st.sampled_from([0.01, 1.0, 4.0, 30.0]),
    seed=st.integers(0, 1000),
)
@settings(max_examples=200)
def test_right_is_the_reference_in_any_shape_and_dtype(name, shape, dtype, temperature, beta, size, seed):
    divergence = {**RIGHT, **SHIPPED}[name]
    options = {"seed": seed, "size": size, "temperature": temperature, "beta": beta}
    given = half(call(divergence.contract, Shape(*shape), **options), dtype)
    got = measure(divergence, given)
    if name in EXACT_IN_FLOAT32 and dtype != torch.float32:
        return
    assert difference(divergence.contract, given, got, right(divergence, given)) == ""
