"""Packing into few bits: token ids bit by bit, log-probabilities on a grid that is finer near 0."""

from __future__ import annotations

from functools import cache

import numpy as np
from jaxtyping import Float32, Int64, UInt8
from numpy import ndarray

CURVE = 0.5
"""In nats: the grid is even up to about here and widens beyond."""
LOWEST = 32.0
"""Nats below 0 where the grid ends: a mass of 1e-14, less than float32 tells from 0 beside a mass of 1."""


def packed_size(count: int, bits: int) -> int:
    """Bytes of ``count`` numbers."""
    return -(-count * bits // 8)


def pack(values: Int64[ndarray, "n count"], bits: int) -> UInt8[ndarray, "n size"]:
    """Write each row's numbers one behind the other, lowest bit first; a row ends at a whole byte.

    Numbers are at least 0 and below 2 to the power of ``bits``, which is 1 to 25.
    """
    assert 1 <= bits <= 25, f"numbers of {bits} bits, which four bytes do not hold wherever they begin"
    each = (values[:, :, None] >> np.arange(bits)) & 1
    return np.packbits(each.reshape(len(values), values.shape[1] * bits).astype(np.uint8), axis=1, bitorder="little")


def unpack(rows: UInt8[ndarray, "n size"], count: int, bits: int) -> Int64[ndarray, "n count"]:
    """Read what :func:`pack` wrote."""
    first = np.arange(count) * bits
    found = np.zeros((len(rows), count), dtype=np.uint32)
    for byte in range(found.itemsize):
        # past the end any byte will do, since its bits are cut off
        found |= rows.take((first >> 3) + byte, axis=1, mode="clip").astype(np.uint32) << np.uint32(8 * byte)
    values: ndarray = ((found >> (first & 7).astype(np.uint32)) & np.uint32(2**bits - 1)).astype(np.int64)
    return values


def to_grid(log_probs: Float32[ndarray, "*shape"], bits: int) -> Int64[ndarray, "*shape"]:
    """Return the nearest place on the grid of 2 to the power of ``bits`` places; the last one is -inf."""
    below = (-log_probs.astype(np.float64)).clip(0.0, LOWEST)
    places = np.rint(np.log1p(below / CURVE) * _scale(bits)).astype(np.int64)
    found: ndarray = np.where(np.isneginf(log_probs), 2**bits - 1, places)
    return found


def from_grid(places: Int64[ndarray, "*shape"], bits: int) -> Float32[ndarray, "*shape"]:
    """Return the log-probability of each place."""
    found: ndarray = _grid(bits)[places]
    return found


def error(log_probs: Float32[ndarray, "*shape"], bits: int) -> Float32[ndarray, "*shape"]:
    """Return by how many nats a log-probability above -32 can be off: half the distance of the grid there."""
    half = 0.5 / _scale(bits)
    # the grid widens on the way to its next place
    found: ndarray = ((CURVE - log_probs) * np.expm1(half)).astype(np.float32)
    return found


def _scale(bits: int) -> float:
    return float((2**bits - 2) / np.log1p(LOWEST / CURVE))


@cache
def _grid(bits: int) -> Float32[ndarray, " places"]:
    finite = -CURVE * np.expm1(np.arange(2**bits - 1) / _scale(bits))
    return np.append(finite, -np.inf).astype(np.float32)
