"""The pass over the vocabulary on a GPU: value and gradient against float64, for every kind, type and head."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from a_gpu import need_a_gpu
from torch import Tensor
from torch.nn import functional as F

from sad import tiny
from sad.batch import KD, LM
from sad.head import fused, lists
from sad.head.linear import Head
from sad.head.target import Live, TopK
from sad.head.vocabulary import Compared, Vocabulary, vocabulary_pass
from sad.losses.kd import Divergence, Kind

need_a_gpu()

ROWS, COMPARED, WIDTH, PADDING = 300, 210, 64, 5
NEAR = 0.045
"""Standard deviation of the difference of the logits at a KL of about 0.001 nats."""


class World:
    """States and heads of two models of one tokenizer, on the device; the student's head has rows of padding."""

    def __init__(
        self, dtype: torch.dtype, apart: float, tokens: int = 1017, *, master: bool = False, **head: Any
    ) -> None:
        noise = torch.Generator().manual_seed(0)

        def normal(*shape: int) -> Tensor:
            return torch.randn(*shape, generator=noise)

        self.tokens = tokens
        teacher, states = normal(tokens, WIDTH) * (3 * WIDTH**-0.5), normal(ROWS, WIDTH)
        near = teacher + apart * WIDTH**-0.5 * normal(tokens, WIDTH)
        weight = torch.cat([near, normal(PADDING, WIDTH) * WIDTH**-0.5])
        self.weight = weight.to("cuda", torch.float32 if master else dtype).requires_grad_()
        self.hidden = states.to("cuda", dtype).requires_grad_()
        self.head = Head(self.weight, **head)
        at = torch.randperm(ROWS, generator=noise)[:COMPARED].sort().values.cuda()
        self.teacher = Live(self.hidden.detach()[at], Head(teacher.to("cuda", dtype), **head), vocab(tokens))
        self.at = at
        self.token = torch.randint(tokens, (ROWS,), generator=noise).cuda()

    def found(self, divergence: Divergence, scales: dict[str, float], *, labels: bool) -> Vocabulary:
        compared = Compared(self.teacher, self.at, self.tokens, divergence)
        return vocabulary_pass(self.hidden, self.head, self.token if labels else None, compared, scales=scales)

    def right(self, divergence: Divergence, scales: dict[str, float]) -> tuple[float, float, list[Tensor]]:
        """The same in float64, with all logits at once."""
        leaves = [x.detach().double().requires_grad_() for x in (self.hidden, self.weight)]
        mine = wide(self.head, leaves[0], leaves[1])
        theirs = wide(self.teacher.head, self.teacher.hidden.double(), self.teacher.head.weight.double())
        heat = divergence.temperature
        compared = plain(mine[self.at, : self.tokens] / heat, theirs / heat, divergence)
        labels = F.cross_entropy(mine, self.token, reduction="sum")
        total = scales[KD] * compared * heat**2 + scales.get(LM, 0.0) * labels
        slopes = list(torch.autograd.grad(total, leaves))
        return float(compared), float(labels), slopes


def vocab(tokens: int) -> Any:
    found = tiny._map(320, 320)
    made = type(found).__new__(type(found))
    made.student_size = made.teacher_size = tokens
    made.identity = True
    return made


def wide(head: Head, states: Tensor, weight: Tensor) -> Tensor:
    logits = head.scale * states @ weight.T
    return logits if head.softcap is None else head.softcap * torch.tanh(logits / head.softcap)


def plain(student: Tensor, teacher: Tensor, divergence: Divergence) -> Tensor:
    log_q, log_p, mix = student.log_softmax(-1), teacher.log_softmax(-1), divergence.mix
    p, q = log_p.exp(), log_q.exp()

    def kl(a: Tensor, b: Tensor) -> Tensor:
        return (a * (a.log() - b.log())).sum()

    return {
        Kind.FORWARD_KL: lambda: kl(p, q),
        Kind.REVERSE_KL: lambda: kl(q, p),
        Kind.JSD: lambda: mix * kl(p, mix * p + (1 - mix) * q) + (1 - mix) * kl(q, mix * p + (1 - mix) * q),
        Kind.SKEW_KL: lambda: kl(p, mix * p + (1 - mix) * q),
        Kind.SKEW_REVERSE_KL: lambda: kl(q, mix * q + (1 - mix) * p),
    }[divergence.kind]()


def off(got: Tensor, right: Tensor) -> float:
    return float((got.double() - right).norm() / right.norm())


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("temperature", [1.0, 2.0])
@pytest.mark.parametrize("softcap", [None, 6.0])
@pytest.mark.parametrize("labels", [False, True])
def test_float32_is_the_plain_form(kind: Kind, temperature: float, softcap: float | None, labels: bool) -> None:
    world, divergence = World(torch.float32, 1.0, softcap=softcap, scale=0.5), Divergence(kind, temperature, 0.3)
    scales = {KD: 0.7, LM: 0.3 if labels else 0.0}
    found = world.found(divergence, scales, labels=labels)
    compared, of_labels, slopes = world.right(divergence, scales)
    assert float(found.kd.detach()) == pytest.approx(compared, rel=1e-4)
    if labels:
        assert float(found.lm.detach()) == pytest.approx(of_labels, rel=1e-5)
    total = scales[KD] * found.kd + scales[LM] * found.lm
    for got, right in zip(torch.autograd.grad(total, [world.hidden, world.weight]), slopes, strict=True):
        assert off(got, right) < 1e-4


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize(("dtype", "limit"), [(torch.bfloat16, 5e-3), (torch.float16, 1e-3)])
@pytest.mark.parametrize("apart", [NEAR, 3.0])
@pytest.mark.parametrize("master", [False, True])
def test_halves_lose_no_more_near_the_teacher(
    kind: Kind, dtype: torch.dtype, limit: float, apart: float, master: bool
) -> None:
    """Half a percent, also where the models nearly agree: logits that are rounded lose 20 to 70% there."""
    world, divergence = World(dtype, apart, master=master), Divergence(kind, 1.0, 0.3)
    if master:
        # what autocast multiplies
        with torch.no_grad():
            world.weight.copy_(world.weight.to(dtype))
    scales = {KD: 1.0, LM: 0.0}
    with torch.autocast("cuda", dtype, enabled=master):
        found = world.found(divergence, scales, labels=False)
    _, _, slopes = world.right(divergence, scales)
    for got, right in zip(torch.autograd.grad(found.kd, [world.hidden, world.weight]), slopes, strict=True):
        assert off(got, right) < limit


def test_the_kernel_is_what_ran(monkeypatch: pytest.MonkeyPatch) -> None:
    calls, shipped = [], fused.fused_rows
    monkeypatch.setattr(fused, "fused_rows", lambda *given: calls.append(None) or shipped(*given))
    World(torch.bfloat16, 1.0).found(Divergence(), {KD: 1.0}, labels=True)
    assert len(calls) == 2, "a block of compared rows, and one of the others"


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("fast", [True, False])
def test_a_list_of_tokens_is_what_it_is_on_the_processor(
    monkeypatch: pytest.MonkeyPatch, dtype: torch.dtype, fast: bool
) -> None:
    """One gradient for all terms comes from the kernels, one for each does not."""
    calls, shipped = [], lists.listed_rows
    monkeypatch.setattr(lists, "listed_rows", lambda *given: calls.append(None) or shipped(*given))
    world, k = World(dtype, 1.0), 16
    log_p = (world.teacher.hidden.float() @ world.teacher.head.weight.float().T).log_softmax(-1)
    top = log_p.topk(k)
    rest = torch.log1p(-top.values.exp().sum(-1))
    target = TopK(top.indices, top.values, rest)
    compared = Compared(target, world.at, world.tokens)
    scales = {KD: 1.0, LM: 0.5} if fast else None
    found = vocabulary_pass(world.hidden, world.head, world.token, compared, scales=scales)
    assert len(calls) == fast
    slopes = torch.autograd.grad(found.kd + 0.5 * found.lm, [world.hidden, world.weight])
    hidden, weight = (x.detach().cpu().float().requires_grad_() for x in (world.hidden, world.weight))
    there = TopK(*(x.cpu() for x in (top.indices, top.values, rest)))
    right = vocabulary_pass(hidden, Head(weight), world.token.cpu(), Compared(there, world.at.cpu(), world.tokens))
    assert float(found.kd.detach()) == pytest.approx(float(right.kd.detach()), rel=1e-4)
    assert float(found.lm.detach()) == pytest.approx(float(right.lm.detach()), rel=1e-4)
    for got, expected in zip(slopes, torch.autograd.grad(right.kd + 0.5 * right.lm, [hidden, weight]), strict=True):
        assert off(got.cpu(), expected.double()) < (1e-4 if dtype == torch.float32 else 5e-3)


def test_a_second_backward_pass_finds_what_the_first_did() -> None:
    world = World(torch.bfloat16, 1.0)
    found = world.found(Divergence(), {KD: 1.0}, labels=False)
    leaves = [world.hidden, world.weight]
    first = torch.autograd.grad(2 * found.kd, leaves, retain_graph=True)
    kept = [each.clone() for each in first]
    second = torch.autograd.grad(2 * found.kd, leaves)
    for one, before, two in zip(first, kept, second, strict=True):
        assert torch.equal(one, before)
        assert torch.equal(one, two)


def test_factors_that_were_not_announced_give_a_nan() -> None:
    world = World(torch.float32, 1.0)
    found = world.found(Divergence(), {KD: 1.0, LM: 1.0}, labels=True)
    (slope,) = torch.autograd.grad(found.kd + 2 * found.lm, [world.hidden])
    assert bool(slope.isnan().all())


def test_the_memory_is_that_of_the_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Flat in the number of rows: two blocks of logits, and the two gradients."""
    from sad.head import blocks

    monkeypatch.setattr(blocks, "LOGITS", 2**21)
    monkeypatch.setattr(blocks, "SLOPES", 2**21)
    most = []
    for rows in (1, 4):
        world = World(torch.bfloat16, 1.0, tokens=8192)
        hidden = world.hidden.detach().repeat(rows, 1).requires_grad_()
        target = Live(hidden.detach(), world.teacher.head, world.teacher.vocab)
        at = torch.arange(len(hidden), device="cuda")
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        vocabulary_pass(hidden, world.head, None, Compared(target, at, 8192), scales={KD: 1.0}).kd.backward()
        most.append(torch.cuda.max_memory_allocated() - before)
        world.weight.grad = None
    assert most[1] - most[0] < 2**20
    logits = 4 * ROWS * (2 * 8192 + PADDING) * 4
    assert most[1] < logits
