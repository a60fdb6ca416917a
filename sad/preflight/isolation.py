"""The teacher does not change, and all of the student does."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from sad.batch import Batch
from sad.distiller import Distiller
from sad.head.target import Live
from sad.preflight.bench import Bench
from sad.preflight.finding import Finding, judged
from sad.train.step import take_step

TOPIC = "teacher isolation"
STEPS = 2
CHUNK = 2**20
"""Numbers summed at once, since the teacher may leave little memory."""


def isolation(bench: Bench) -> Iterator[Finding]:
    """Take two of the run's own steps and look at both models."""
    with bench.kit(remember=False) as kit:
        teacher = kit.distiller.teacher
        before = checksums(teacher)
        start = {n: p.detach().clone() for n, p in kit.distiller.student.named_parameters() if p.requires_grad}
        batch = kit.collated(bench.few)
        first = answer(kit.distiller, batch)
        owned = {id(p) for group in kit.optimizer.param_groups for p in group["params"]}
        learner = kit.learner
        for _ in range(STEPS):
            take_step(learner, [batch], kit.plan.recipe.train.clip)
        second = answer(kit.distiller, batch)
        checks = (
            (before == checksums(teacher), "its weights changed"),
            (torch.equal(first, second), "it answered the same text differently"),
            (not any(m.training for m in teacher.modules()), "it is in training mode: dropout would be on"),
            (not any(p.requires_grad or p.grad is not None for p in teacher.parameters()), "it takes gradients"),
            (not any(id(p) in owned for p in teacher.parameters()), "the optimizer owns its weights"),
        )
        faults = [fault for sound, fault in checks if not sound]
        yield judged(
            TOPIC,
            bool(faults),
            f"after {STEPS} steps the teacher has the same weights and answers, no gradient, and is in evaluation mode",
            f"the teacher is not left alone: {'; '.join(faults)}",
            advice="the code that trains is at fault: run sad verify target_is_trainable",
            numbers={"faults": len(faults)},
        )
        still = [n for n, p in kit.distiller.student.named_parameters() if n in start and torch.equal(p, start[n])]
        moved = len(start) - len(still)
        yield judged(
            "student moves",
            not moved,
            f"{moved} of {len(start)} tensors of the student moved in {STEPS} steps",
            f"nothing of the student moved in {STEPS} steps",
            advice="look at train.learning_rate and at the findings on gradients",
            numbers={"moved": moved},
        )


def answer(distiller: Distiller, batch: Batch) -> Tensor:
    """Return the teacher's last states where they are compared."""
    target = distiller.ask_teacher(batch).target
    assert isinstance(target, Live), "the teacher itself was asked"
    return target.hidden


def checksums(model: nn.Module) -> tuple[int, ...]:
    """Return one weighted sum of the bits of every tensor: no copy of the model; a change is unseen only by chance."""
    return tuple(_checksum(t) for t in (*model.parameters(), *model.buffers()))


@torch.no_grad()
def _checksum(tensor: Tensor) -> int:
    bits = tensor.detach().flatten().contiguous().view(torch.uint8)
    words = bits[: bits.numel() // 8 * 8]
    # words of 8 bytes where the address allows it, for an eighth of the work; sums of integers wrap, and lose nothing
    words = words.view(torch.int64) if words.data_ptr() % 8 == 0 else words
    places = torch.arange(1, min(CHUNK, words.numel()) + 1, device=bits.device) * 2 + 1
    total = int(bits[bits.numel() // 8 * 8 :].long().sum())
    for number, piece in enumerate(torch.split(words, CHUNK)):
        total = (total * 31 + number + int((piece.to(torch.int64) * places[: piece.numel()]).sum())) % 2**63
    return total
