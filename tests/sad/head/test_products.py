"""Products in pieces are the product, in float32, also where the weight is half precision."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from sad.head import products
from sad.head.linear import IDENTITY, Head
from sad.head.products import Factor, Products, tiles


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("columns", [7, 23])
def test_products_finished_are_the_logits_of_the_head(
    monkeypatch: pytest.MonkeyPatch, dtype: torch.dtype, columns: int
) -> None:
    monkeypatch.setattr(products, "TILE", 5)
    head = Head(noise(23, 6).to(dtype), noise(23, seed=1).to(dtype), scale=0.5, softcap=2.0)
    states, out = noise(4, 6, seed=2), torch.empty(4, columns)
    found = Factor(states, head).into(out, states)
    assert found.data_ptr() == out.data_ptr()
    torch.testing.assert_close(head.finished(found), head.logits(states)[:, :columns])


def test_states_that_are_logits_are_copied() -> None:
    states = noise(3, 9)
    found = Factor(states, IDENTITY).into(torch.empty(3, 7), states)
    assert torch.equal(found, states[:, :7])
    assert found.data_ptr() != states.data_ptr()


def test_tiles_cover_a_weight_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(products, "TILE", 4)
    weight = noise(10, 3)
    assert [(span, tile is weight) for span, tile in tiles(weight)] == [(slice(0, 10), True)]
    half = weight.bfloat16()
    found = [(span, tile.clone()) for span, tile in tiles(half)]
    assert [span for span, _ in found] == [slice(0, 4), slice(4, 8), slice(8, 10)]
    assert torch.equal(torch.cat([tile for _, tile in found]), half.float())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_sums_are_those_of_autograd(monkeypatch: pytest.MonkeyPatch, dtype: torch.dtype) -> None:
    monkeypatch.setattr(products, "TILE", 5)
    # as a processor without bfloat16 products does it: their rounding is another test's
    monkeypatch.setattr(torch, "set_float32_matmul_precision", lambda _: None)
    monkeypatch.setattr(products, "native_halves", lambda: False)
    leaves = [noise(8, 6).to(dtype), noise(23, 6, seed=1).to(dtype), noise(23, seed=2).to(dtype)]
    head = Head(leaves[1], leaves[2])
    made = Products(leaves[0], head, (True, True, True), ("a", "b"))
    gradient = noise(8, 23, seed=3)
    for rows in (torch.tensor([5, 0, 3]), torch.tensor([1, 2, 4, 6, 7])):
        made.add("a", rows, made.states(rows), gradient[rows])
    wide = [leaf.double().requires_grad_() for leaf in leaves]
    logits = wide[0] @ wide[1].T + wide[2]
    right = torch.autograd.grad((logits * gradient).sum(), wide)
    for got, want in zip(made.sums["a"], right, strict=True):
        assert got.dtype == torch.float32
        torch.testing.assert_close(got.double(), want, rtol=1e-4, atol=1e-5)
    made.finish()
    assert not any(bool(each.any()) for each in made.sums["b"])


def test_what_is_not_wanted_is_not_summed() -> None:
    made = Products(noise(4, 6), Head(noise(9, 6)), (False, True, False), ("a",))
    assert [each.shape for each in made.sums["a"]] == [(9, 6)]


@pytest.mark.parametrize(
    ("states", "weight", "operands", "inside"),
    [
        ("bfloat16", "bfloat16", None, "medium"),
        ("float32", "bfloat16", None, "highest"),
        ("bfloat16", "float32", None, "highest"),
        ("float32", "float32", "bfloat16", "medium"),
        ("float32", "float32", "float16", "highest"),
    ],
)
def test_a_processor_multiplies_halves_where_both_are_or_autocast_makes_them(
    states: str, weight: str, operands: str | None, inside: str
) -> None:
    before = torch.get_float32_matmul_precision()
    made = [torch.zeros(1, 1, dtype=getattr(torch, name)) for name in (states, weight)]
    with Factor(made[0], Head(made[1]), getattr(torch, operands) if operands else None).multiplying():
        assert torch.get_float32_matmul_precision() == inside
    assert torch.get_float32_matmul_precision() == before == "highest"


@pytest.mark.parametrize(("amx", "avx"), [(True, False), (False, True), (False, False)])
def test_a_processor_with_either_extension_multiplies_halves_by_itself(
    monkeypatch: pytest.MonkeyPatch, amx: bool, avx: bool
) -> None:
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: avx)
    assert products.native_halves.__wrapped__() is (amx or avx)


def test_products_of_halves_are_as_exact_as_halves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of a gradient; a logit is never one."""
    monkeypatch.setattr(products, "TILE", 5)
    monkeypatch.setattr(products, "native_halves", lambda: True)
    hidden, weight, gradient = noise(8, 64).bfloat16(), noise(23, 64, seed=1).bfloat16(), noise(8, 23, seed=3)
    made, every = Products(hidden, Head(weight), (True, True, False), ("a",)), torch.arange(8)
    assert made.factor.back_dtype == torch.bfloat16
    logits = made.factor.into(torch.empty(8, 23), made.states(every))
    torch.testing.assert_close(logits.double(), hidden.double() @ weight.double().T, rtol=1e-6, atol=1e-5)
    made.add("a", every, made.states(every), gradient)
    right = gradient.double() @ weight.double(), gradient.double().T @ hidden.double()
    for got, want in zip(made.sums["a"], right, strict=True):
        assert got.dtype == torch.float32
        assert float((got - want).norm() / want.norm()) < 4e-3
    assert Products(hidden, Head(weight.float()), (True, True, False), ("a",)).factor.back_dtype == torch.float32
