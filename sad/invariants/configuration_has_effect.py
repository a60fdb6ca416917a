"""What a run is configured with has the effect that its name says.

## Property
A schedule has the shape that it is named for, at every step. Twice the learning rate gives twice the rate. Another
seed gives another order of the texts, the same seed the same; every text is read in each epoch, in an order of its own
where the trainer says so. A step has as many texts as micro-batch x accumulation x devices x nodes. A clip bounds the
gradient that the optimizer is handed, without turning it. Twice the weight of a term gives twice its part of the loss
and leaves what it measures alone.

## Why it must hold
A setting that does nothing, or something else, makes every comparison of settings a comparison of noise.

## Tolerance
1e-6 of the peak for rates, 1e-3 of the clip (accelerators divide by the norm plus 1e-6), 1e-5 for parts of the loss
(float32; measured on the loop that trains: 0). None for texts, which are counted.

## What breaks it
A schedule called cosine that is linear; a seed that is not passed on; nodes that are left out of the global batch; a
clip before the gradients are whole; a weight that is applied to a value that bears it already.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace

from sad.subjects.schedules import distance
from sad.subjects.trainer import Setup, Taken, Trainer
from sad.verdict import Verdict

ID = "I20"

LENGTHS = (2, 30, 5, 18, 9, 12, 4, 7)
BASE = Setup(LENGTHS, micro_batch=2, epochs=2, learning_rate=1e-3)
RATE, CLIP, PART = 1e-6, 1e-3, 1e-5
CLIPPED = 0.01
WARMUP = 2


def configuration_has_effect(trainer: Trainer) -> Verdict:
    """Judge each setting that the trainer claims to have."""
    checks: tuple[Callable[[Trainer], Iterator[str]], ...] = (_schedules, _rate, _seed, _global_batch, _clip, _weights)
    broken = [said for check in checks for said in check(trainer)]
    claims = trainer.claims
    clip = ["clip"] if claims.clips else []
    named = [*map(str, claims.schedules), "rate", "seed", "batch", *clip, *(f"weight of {t}" for t in claims.terms)]
    return Verdict(not broken, "; ".join(broken) or f"{', '.join(named)}: as set", {"broken": len(broken)})


def _schedules(trainer: Trainer) -> Iterator[str]:
    for schedule in trainer.claims.schedules:
        setup = replace(BASE, micro_batch=4, epochs=4, schedule=schedule, warmup=WARMUP)
        rates = [taken.rate for taken in trainer.run(setup).taken]
        apart = distance(rates, schedule, setup.steps, setup.warmup, setup.learning_rate)
        if len(rates) != setup.steps or apart > RATE:
            near = [s for s in type(schedule) if distance(rates, s, setup.steps, WARMUP, setup.learning_rate) <= RATE]
            shape = f", it is {near[0]}" if near and len(rates) == setup.steps else ""
            off = (
                f"{apart:.0%} of the peak away from it{shape}"
                if apart > RATE
                else f"{len(rates)} of {setup.steps} steps"
            )
            yield f"schedule {schedule!s}: {off}"


def _rate(trainer: Trainer) -> Iterator[str]:
    whole = replace(BASE, micro_batch=8, epochs=1)
    once, twice = (_taken(trainer, replace(whole, learning_rate=rate)) for rate in (1e-3, 2e-3))
    for left, right in zip(once, twice, strict=False):
        if abs(right.rate - 2 * left.rate) > RATE * 2e-3:
            yield f"learning rate {right.rate:.3g} where twice {left.rate:.3g} was asked for"
            return


def _seed(trainer: Trainer) -> Iterator[str]:
    first, again, other = (_order(trainer, seed) for seed in (0, 0, 1))
    if not first:
        return
    if first != again:
        yield "one seed gives two orders of the texts"
    if first == other:
        yield "two seeds give one order of the texts"
    size = len(LENGTHS)
    if trainer.claims.reshuffles and first[:size] == first[size:]:
        yield "two epochs have one order of the texts"
    if any(sorted(epoch) != list(range(size)) for epoch in (first[:size], first[size:])):
        yield f"{len(set(first[:size]))} of {size} texts are read in the first epoch"


def _global_batch(trainer: Trainer) -> Iterator[str]:
    for micro, accumulation, devices, nodes in ((2, 2, 1, 1), (1, 2, 2, 1), (1, 2, 1, 2), (1, 1, 2, 2)):
        setup = replace(BASE, micro_batch=micro, accumulation=accumulation, devices=devices, nodes=nodes, epochs=1)
        if setup.processes not in trainer.claims.processes:
            continue
        taken = _taken(trainer, setup)
        texts = {len(one.texts) for one in taken} - {0}
        if len(taken) != setup.steps or texts - {setup.global_batch}:
            seen = f"{max(texts)} texts a step instead of {setup.global_batch}" if texts else ""
            seen = seen or f"{len(taken)} steps instead of {setup.steps}"
            yield f"{seen} (micro-batch {micro}, accumulation {accumulation}, {devices} devices on {nodes} nodes)"
            return


def _clip(trainer: Trainer) -> Iterator[str]:
    if not trainer.claims.clips:
        return
    # of several processes where there are some: a gradient is whole when it is averaged
    devices = 2 if 2 in trainer.claims.processes else 1
    whole = replace(BASE, micro_batch=1, accumulation=8 // devices, devices=devices, epochs=1)
    free, bound = (_taken(trainer, replace(whole, clip=clip)) for clip in (1e9, CLIPPED))
    if not free or not bound:
        return
    first, left = free[0].gradient.double(), bound[0].gradient.double()
    length, cosine = float(left.norm()), float((first @ left) / (first.norm() * left.norm()).clamp_min(1e-300))
    expected = min(CLIPPED, float(first.norm()))
    if not abs(length - expected) <= CLIP * expected or not cosine > 1 - CLIP:
        yield f"a gradient of norm {float(first.norm()):.3g}, clipped at {CLIPPED}, has norm {length:.3g}"


def _weights(trainer: Trainer) -> Iterator[str]:
    """Compare the first step with every weight 1 with one where a weight is 2."""
    whole, ones = replace(BASE, micro_batch=8, epochs=1), dict.fromkeys(trainer.claims.terms, 1.0)
    first = trainer.run(replace(whole, weights=tuple(ones.items()))).log[:1] if ones else []
    for term in ones:
        other = trainer.run(replace(whole, weights=tuple({**ones, term: 2.0}.items()))).log[:1]
        for once, twice in zip(first, other, strict=False):
            part = [line.weighted.get(term, math.nan) for line in (once, twice)]
            raw = [line.raw.get(term, math.nan) for line in (once, twice)]
            if not _near(part[1], 2 * part[0]) or not _near(twice.loss - once.loss, part[0]) or not _near(*raw):
                yield f"{term} adds {part[0]:.4g} to the loss at weight 1 and {part[1]:.4g} at weight 2"


def _taken(trainer: Trainer, setup: Setup) -> list[Taken]:
    return list(trainer.run(setup).taken)


def _order(trainer: Trainer, seed: int) -> list[int]:
    return [text for taken in _taken(trainer, replace(BASE, micro_batch=4, seed=seed)) for text in taken.texts]


def _near(found: float, expected: float) -> bool:
    return abs(found - expected) <= PART * max(abs(expected), 1e-9)
