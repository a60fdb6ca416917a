"""How large the hidden states are, where a few of them are enormous, and what a raw layerwise loss would be."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from sad.batch import CONTRASTIVE, LAYERWISE
from sad.distiller import Projector
from sad.losses.layerwise import layer_distance
from sad.models.forward import run, text_config
from sad.preflight.bench import Bench, Kit, within
from sad.preflight.finding import Finding, Level

TOPIC = "hidden states"
LARGE, TIMES = 100.0, 1000.0
"""A massive activation: its size, and its size over the median's (Sun et al. 2024, arXiv 2402.17762, section 2)."""
TOKENS = 1024
OFTEN = 0.05
"""Share of the compared places at which a massive activation is no longer the matter of a first position."""


@dataclass(frozen=True, slots=True)
class Block:
    """The output of one teacher block, at real tokens. ``largest`` stands at ``position`` of its window, in
    ``dimension``; ``times`` is its size over the median size; ``often`` the share of the tokens with a massive one.
    ``raw`` is the mean squared error of a fresh student's projected states against it, ``normalised`` the shipped term.
    """

    number: int
    rms: float
    largest: float
    times: float
    position: int
    dimension: int
    often: float
    raw: float
    normalised: float

    @property
    def massive(self) -> bool:
        """Whether it holds a massive activation."""
        return self.largest > LARGE and self.times > TIMES


@dataclass(frozen=True, slots=True)
class Profile:
    """Every block of the teacher, and the numbers of those that the recipe compares."""

    blocks: tuple[Block, ...]
    compared: frozenset[int]


def magnitudes(bench: Bench) -> Iterator[Finding]:
    """Judge the teacher's states, block by block."""
    profile = bench.once(measure)
    blocks = profile.blocks
    rms = [block.rms for block in blocks]
    worst = max(blocks, key=lambda block: block.raw)
    raw = f"a raw layerwise loss would be up to {worst.raw:,.4g} (block {worst.number}), "
    raw += f"the normalised one is {worst.normalised:.3g} there"
    numbers = {"raw": worst.raw, "normalised": worst.normalised, "rms_least": min(rms), "rms_most": max(rms)}
    massive = [block for block in blocks if block.massive]
    if not massive:
        says = f"teacher: RMS {min(rms):.3g} to {max(rms):.3g} over its blocks, no massive activation; {raw}"
        yield Finding(TOPIC, Level.FINE, says, numbers=numbers)
        return
    most = max(massive, key=lambda block: block.largest)
    numbers |= {"largest": most.largest, "position": most.position, "dimension": most.dimension, "block": most.number}
    says = (
        f"teacher: RMS {min(rms):.3g} to {max(rms):.3g}; massive activations in {_named(massive)}: "
        f"{most.largest:,.0f} at position {most.position}, dimension {most.dimension}, {most.times:,.0f} x the median, "
        f"at {most.often:.1%} of the tokens; {raw}"
    )
    hit = [block for block in massive if block.number in profile.compared]
    if any(block.often > OFTEN for block in hit):
        yield Finding(
            TOPIC,
            Level.WARNING,
            f"{says}. A compared block has them at many places: its states all point the same way there",
            advice="compare more blocks, so that others are among them: terms.layerwise.layers",
            numbers=numbers,
        )
    else:
        yield Finding(TOPIC, Level.FINE, f"{says}. The term normalises, so they cannot own it", numbers=numbers)


@torch.no_grad()
def measure(bench: Bench) -> Profile:
    """Run a small cut through the teacher, keep every block, compare each with the student's last."""
    # projectors are wanted also where the recipe compares no states
    terms = bench.plan.recipe.terms
    used = {LAYERWISE, CONTRASTIVE} & set(terms.weights)
    asked = terms if used else terms.model_copy(update={LAYERWISE: terms.layerwise.model_copy(update={"weight": 1.0})})
    with bench.kit(terms=asked) as kit, kit.accelerator.autocast():
        blocks = tuple(_blocks(bench, kit))
        return Profile(blocks, frozenset(t for _, t in kit.distiller.pairs) if used else frozenset())


def _blocks(bench: Bench, kit: Kit) -> Iterator[Block]:
    distiller = kit.distiller
    batch = kit.collated(within(bench.first, TOKENS))
    depth = text_config(distiller.teacher).num_hidden_layers
    seen = run(distiller.teacher, batch.teacher, range(depth))
    mine = distiller.view(batch, distiller.ask_teacher(batch)).student.blocks[distiller.pairs[-1][0]]
    at, projector = batch.boundaries, distiller.projectors[-1]
    assert isinstance(projector, Projector)
    student = mine[at.row, at.student].float()
    real = batch.teacher.attention_mask.bool()
    row, position = real.nonzero(as_tuple=True)
    for number in range(depth):
        states = seen.blocks[number].float()
        theirs = states[at.row, at.teacher]
        with torch.autocast(states.device.type, enabled=False):
            raw = F.mse_loss(projector.map(student), theirs)
        shipped = layer_distance(projector(student), theirs)
        yield _block(number, states[row, position], position, float(raw), float(shipped.total / shipped.units))


def _block(number: int, states: Tensor, position: Tensor, raw: float, normalised: float) -> Block:
    size = states.abs()
    median = float(size.flatten()[:: max(1, size.numel() // 100_000)].median())
    flat = int(size.argmax())
    row, dimension = divmod(flat, size.shape[1])
    largest = float(size.max())
    each = size.amax(dim=1)
    return Block(
        number=number,
        rms=float(states.square().mean().sqrt()),
        largest=largest,
        times=largest / max(median, 1e-30),
        position=int(position[row]),
        dimension=dimension,
        often=float(((each > LARGE) & (each > TIMES * median)).float().mean()),
        raw=raw,
        normalised=normalised,
    )


def _named(blocks: list[Block]) -> str:
    numbers = [block.number for block in blocks]
    span = f"blocks {numbers[0]} to {numbers[-1]}" if len(numbers) > 1 else f"block {numbers[0]}"
    whole = numbers[-1] - numbers[0] + 1 == len(numbers)
    return span if whole else f"{len(numbers)} of {span}"
