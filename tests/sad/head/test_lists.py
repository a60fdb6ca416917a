"""The kernels against lists of tokens, interpreted on the processor: row by row the same as float64."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from typing import Any

import pytest
import torch
from torch import Tensor

from sad.batch import KD, LM
from sad.head import blocks, fused, lists
from sad.head.linear import Head
from sad.head.target import Stored, TopK
from sad.head.vocabulary import Compared, vocabulary_pass
from sad.losses.kd import Buckets, Divergence, Kind

pytest.importorskip("triton")
TOKENS, COLUMNS, K = 40, 45, 6
NOISE = pytest.mark.filterwarnings("ignore:divide by zero", "ignore:invalid value")


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fused, "BLOCK", 16)


def noise(rows: int, columns: int, seed: int) -> Tensor:
    return 2 * torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed))


def buckets(rows: int, temperature: float = 1.0, tokens: int = TOKENS, seed: int = 2) -> Buckets:
    log_probs = (noise(rows, tokens, seed).double() / temperature).log_softmax(-1)
    top = log_probs.topk(K)
    tail = log_probs.scatter(-1, top.indices, -math.inf).logsumexp(-1)
    return Buckets(top.indices, top.values.float(), tail.float())


def divergence_of(log_p: Tensor, log_q: Tensor, divergence: Divergence) -> Tensor:
    """The textbook form of each, summed."""
    p, q, mix = log_p.exp(), log_q.exp(), divergence.mix

    def kl(a: Tensor, b: Tensor) -> Tensor:
        return (a * (a.log() - b.log())).sum()

    match divergence.kind:
        case Kind.FORWARD_KL:
            return kl(p, q)
        case Kind.REVERSE_KL:
            return kl(q, p)
        case Kind.JSD:
            middle = mix * p + (1 - mix) * q
            return mix * kl(p, middle) + (1 - mix) * kl(q, middle)
        case Kind.SKEW_KL:
            return kl(p, mix * p + (1 - mix) * q)
        case Kind.SKEW_REVERSE_KL:
            return kl(q, mix * q + (1 - mix) * p)


def right(
    products: Tensor, target: Buckets, head: Head, divergence: Divergence, label: Tensor | None, factor: Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:
    """KD of each row, LM of each row, and the gradient, by autograd in float64."""
    leaf = products.double().requires_grad_()
    logits = head.scale * leaf
    logits = logits if head.softcap is None else head.softcap * torch.tanh(logits / head.softcap)
    heat, compared = divergence.temperature, len(target.ids)
    log_q = (logits[:compared, :TOKENS] / heat).log_softmax(-1)
    rest = log_q.scatter(-1, target.ids, -math.inf).logsumexp(-1, keepdim=True)
    mine = torch.cat([log_q.gather(-1, target.ids), rest], -1)
    theirs = torch.cat([target.log_probs, target.tail[:, None]], -1).double()
    theirs = theirs.log_softmax(-1)
    values = [divergence_of(p, q, divergence) for p, q in zip(theirs, mine, strict=True)]
    total = 0.7 * heat**2 * torch.stack(values).sum()
    labels = torch.zeros(len(products), dtype=torch.float64)
    if label is not None and factor is not None:
        labels = -logits.log_softmax(-1).gather(-1, label[:, None])[:, 0]
        total = total + (factor.double() * labels).sum()
    return torch.stack(values).detach(), labels.detach(), torch.autograd.grad(total, leaf)[0]


@NOISE
@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize(("temperature", "softcap"), [(1.0, None), (2.0, None), (1.0, 3.0), (2.0, 3.0)])
@pytest.mark.parametrize(("labelled", "dtype"), [(True, torch.float32), (False, torch.bfloat16)])
def test_a_row_is_that_of_float64(
    kind: Kind, temperature: float, softcap: float | None, labelled: bool, dtype: torch.dtype
) -> None:
    products, target = noise(5, COLUMNS, 1), buckets(3, temperature)
    # one in a list, one behind the real tokens, and others
    label = torch.tensor([int(target.ids[0, 2]), 44, 0, 7, 39]) if labelled else None
    factor = torch.rand(5, generator=torch.Generator().manual_seed(0)) if labelled else None
    head, divergence = Head(scale=0.5, softcap=softcap), Divergence(kind, temperature, 0.3)
    expected = right(products, target, head, divergence, label, factor)
    out = torch.empty(5, COLUMNS, dtype=dtype)
    values, labels = lists.listed_rows(products, target, head, TOKENS, divergence, 0.7, label, factor, out)
    torch.testing.assert_close((values, labels), tuple(x.float() for x in expected[:2]), rtol=2e-5, atol=1e-5)
    exact = dtype == torch.float32
    torch.testing.assert_close(out.float(), expected[2].float(), rtol=1e-4 if exact else 1e-2, atol=1e-6)


@NOISE
def test_all_tokens_at_temperature_one_take_one_sum() -> None:
    products, target = noise(4, TOKENS, 3), buckets(4)
    label, factor = torch.tensor([3, 9, 0, 7]), torch.ones(4)
    expected = right(products, target, Head(), Divergence(), label, factor)
    out = torch.empty(4, TOKENS)
    found = lists.listed_rows(products, target, Head(), TOKENS, Divergence(), 0.7, label, factor, out)
    torch.testing.assert_close(found, tuple(x.float() for x in expected[:2]), rtol=2e-5, atol=1e-5)
    torch.testing.assert_close(out, expected[2].float(), rtol=1e-4, atol=1e-6)


@NOISE
def test_next_to_the_teacher_the_tail_is_no_difference_of_large_numbers() -> None:
    """Nearly all mass is in the list: one minus it would be noise, and the gradient to the rest with it."""
    products = noise(3, TOKENS, 4)
    top = products.topk(K).indices
    products.scatter_add_(-1, top, torch.full((3, K), 18.0))
    near = products.double() + 0.05 * noise(3, TOKENS, 5).double()
    log_p = near.log_softmax(-1)
    tail = log_p.scatter(-1, top, -math.inf).logsumexp(-1)
    target = Buckets(top, log_p.gather(-1, top).float(), tail.float())
    expected = right(products, target, Head(), Divergence(), None, None)[2]
    out = torch.empty(3, TOKENS)
    lists.listed_rows(products, target, Head(), TOKENS, Divergence(), 0.7, None, None, out)
    others = torch.ones(3, TOKENS, dtype=torch.bool).scatter(-1, top, False)
    assert 0 < float(expected[others].abs().max()) < 1e-7
    torch.testing.assert_close(out.double()[others], expected[others], rtol=1e-3, atol=1e-14)


@NOISE
def test_a_number_that_is_none_shows() -> None:
    products, out, target = noise(3, TOKENS, 3), torch.empty(3, TOKENS), buckets(3)
    others = [i for i in range(TOKENS) if i not in target.ids[1].tolist()]
    for at in (int(target.ids[1, 0]), others[0]):
        spoilt = products.clone()
        spoilt[1, at] = math.nan
        values, _ = lists.listed_rows(spoilt, target, Head(), TOKENS, Divergence(), 1.0, None, None, out)
        assert values.isnan().tolist() == [False, True, False]
        assert out.isnan().any(-1).tolist() == [False, True, False]


def test_no_rows_give_no_values() -> None:
    target = Buckets(torch.empty(0, 3, dtype=torch.int64), torch.empty(0, 3), torch.empty(0))
    found = lists.listed_rows(torch.empty(0, 9), target, Head(), 9, Divergence(), 1.0, None, None, None)
    assert [len(each) for each in found] == [0, 0]


@NOISE
@pytest.mark.parametrize("stored", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("labelled", [False, True])
def test_the_pass_with_the_kernels_is_the_pass_without(
    monkeypatch: pytest.MonkeyPatch, stored: bool, weighted: bool, labelled: bool
) -> None:
    width, rows, heat = 8, 11, 2.0
    at, target = torch.tensor([1, 2, 5, 7, 10]), TopK(*buckets(5, heat), heat)
    token = torch.arange(rows) * 3 if labelled else None
    weight = (lambda values: 1 + values) if weighted else None

    def found(**given: Any) -> tuple[list[float], list[Tensor]]:
        leaves = [x.requires_grad_() for x in (noise(rows, width, 6), noise(COLUMNS, width, 7))]
        of = Compared(Stored((target,)) if stored else target, at, TOKENS, Divergence(temperature=heat), weight)
        sums = vocabulary_pass(leaves[0], Head(leaves[1]), token, of, **given)
        total = sums.kd + (0.5 * sums.lm if labelled else 0.0)
        return [sums.kd.item(), sums.lm.item()], list(torch.autograd.grad(total, leaves))

    scales = {KD: 1.0, LM: 0.5} if labelled else {KD: 1.0}
    plain = found()
    calls, shipped = [], lists.listed_rows
    monkeypatch.setattr(blocks, "FUSED", {"cpu"})
    monkeypatch.setattr(lists, "listed_rows", lambda *given: calls.append(None) or shipped(*given))
    fast = found(scales=scales)
    assert calls, "the kernels are not asked"
    assert fast[0] == pytest.approx(plain[0], rel=1e-5)
    torch.testing.assert_close(fast[1], plain[1], rtol=1e-4, atol=1e-5)


def test_the_compiler_takes_them_for_a_gpu_that_is_not_here() -> None:
    """To machine code of an H100, in a process of its own, as this one interprets."""
    done = subprocess.run(
        [sys.executable, "-c", COMPILE],
        env=os.environ | {"TRITON_INTERPRET": "0"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["5", "cubin"]


COMPILE = """
import itertools, triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from sad.head.kernel_lists import slopes_kernel, sums_kernel

pointers = {"out": "*bf16", "labels": "*i64"}
pointers |= dict.fromkeys(["student", "label_factor", "shares", "rests", "hard_sums"], "*fp32")
whole = ["student_stride", "out_stride", "compared", "columns", "tokens"]
ways = [(sums_kernel, {"HAS_LM": True, "ONE_SUM": one}) for one in (True, False)]
ways += [(sums_kernel, {"HAS_LM": False, "ONE_SUM": False})]
ways += [(slopes_kernel, {"HAS_LM": labels}) for labels in (True, False)]
for kernel, chosen in ways:
    names, chosen = kernel.arg_names, chosen | {"HAS_CAP": True, "BLOCK": 1024}
    types = {name: pointers.get(name, "i32" if name in whole else "fp32") for name in names if name not in chosen}
    source = ASTSource(
        fn=kernel,
        signature={name: types.get(name, "constexpr") for name in names},
        constexprs={(names.index(name),): value for name, value in chosen.items()},
    )
    assert "cubin" in triton.compile(source, target=GPUTarget("cuda", 90, 32), options={"num_warps": 4}).asm
print(len(ways), "cubin")
"""
