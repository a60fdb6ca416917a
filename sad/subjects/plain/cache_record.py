"""The record of a place in a teacher's cache, read number by number as its format says: files outlive a release."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

CURVE, LOWEST = 0.5, 32.0
"""Nats: the grid of log-probabilities is even up to about the first, and ends at the second below 0."""
WHOLE = 32
"""Bits of a log-probability that is a float32; then all numbers are."""
REST = 16
"""Bits of the mass of the rest, where it is on the grid."""


@dataclass(frozen=True, slots=True)
class Form:
    """What a record holds: a list of k tokens for each of ``lists``, of so many ``tokens``, each with a log-probability
    of ``bits``; whether it has the mapped ``mass``; and how many ``states`` of ``width`` numbers.
    """

    tokens: int
    bits: int
    lists: tuple[int, ...]
    mass: bool
    states: int
    width: int


@dataclass(frozen=True, slots=True)
class Listed:
    """The tokens of a list and their log-probabilities, and that of the rest."""

    tokens: list[int]
    log_probs: list[float]
    rest: float


Read = tuple[list[Listed], float | None, list[list[float]]]
"""The lists, the mapped mass, and the states."""


def read(record: bytes, form: Form) -> Read:
    """Return what a record says. Raises ValueError where it is longer or shorter than its form."""
    lists, start = list[Listed](), 0
    each = max(1, (form.tokens - 1).bit_length())

    def take(count: int) -> bytes:
        nonlocal start
        start += count
        return record[start - count : start]

    def values(count: int, bits: int) -> list[float]:
        if form.bits == WHOLE:
            return list(struct.unpack(f"<{count}f", take(4 * count)))
        return [_value(place, bits) for place in _numbers(take(-(-count * bits // 8)), count, bits)]

    for k in form.lists:
        tokens = list(_numbers(take(-(-k * each // 8)), k, each))
        lists.append(Listed(tokens, values(k, form.bits), *values(1, REST)))
    mass = struct.unpack("<f", take(4))[0] if form.mass else None
    states = []
    for _ in range(form.states):
        if form.bits == WHOLE:
            states.append(list(struct.unpack(f"<{form.width}f", take(4 * form.width))))
        else:
            (scale,) = struct.unpack("<f", take(4))
            states.append([scale * one for one in struct.unpack(f"<{form.width}e", take(2 * form.width))])
    if start != len(record):
        raise ValueError(f"a record of {len(record)} bytes, of which {start} are known")
    return lists, mass, states


def step(log_prob: float, bits: int) -> float:
    """Return by how many nats a log-probability may be off, half the distance of the grid there."""
    if bits == WHOLE:
        return 0.0
    return (CURVE - log_prob) * math.expm1(0.5 / _scale(bits))


def _numbers(content: bytes, count: int, bits: int) -> Iterator[int]:
    """Numbers of so many bits one behind the other, lowest bit first."""
    whole = int.from_bytes(content, "little")
    return (whole >> bits * i & (1 << bits) - 1 for i in range(count))


def _value(place: int, bits: int) -> float:
    """The log-probability of a place on the grid; the last one is of what cannot be."""
    return -math.inf if place == (1 << bits) - 1 else -CURVE * math.expm1(place / _scale(bits))


def _scale(bits: int) -> float:
    return ((1 << bits) - 2) / math.log1p(LOWEST / CURVE)


def normalised(of: Listed) -> Listed:
    """Return a list whose mass, and that of the rest, are 1; of nothing nothing."""
    whole = sum(math.exp(one) for one in (*of.log_probs, of.rest))
    less = math.log(whole) if whole else 0.0
    return Listed(of.tokens, [one - less for one in of.log_probs], of.rest - less)


def near(found: Sequence[float], wanted: Sequence[float], relative: float, absolute: float = 0.0) -> bool:
    """Whether numbers are each other's, within a share of each or so much."""
    return len(found) == len(wanted) and all(
        one == other or abs(one - other) <= absolute + relative * abs(other)
        for one, other in zip(found, wanted, strict=True)
    )
