"""The dense part of KD against lists of tokens, and of LM, in two Triton kernels: each logit is read twice.

Between them stands what is small: the buckets of a row, for which :mod:`sad.head.lists` takes the plain mathematics of
:mod:`sad.losses.kd`. Imported only where there is a GPU.
"""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def _other(pointer, at, inside, SCALE, CAP, HAS_CAP: tl.constexpr):
    """A logit from a product, in float32; -inf beyond the row, and where the product was taken out as -inf."""
    raw = tl.load(pointer + at, mask=inside, other=-float("inf")).to(tl.float32)
    x = raw * SCALE
    if HAS_CAP:
        # tanh by its formula: cap * (1 - 2 / (exp(2 x / cap) + 1))
        x = CAP * (1.0 - 2.0 / (tl.exp(2.0 * x / CAP) + 1.0))
    return tl.where(raw == -float("inf"), -float("inf"), x)


@triton.jit
def _more(largest, total, x):
    """Lane by lane: the largest value, and the sum of exponentials relative to it, with one more; a NaN stays."""
    apart = x - largest
    small = tl.exp(-tl.abs(apart))
    above = apart > 0.0
    return tl.where(above, x, largest), total * tl.where(above, small, 1.0) + tl.where(above, 1.0, small)


@triton.jit
def _log_sum(largest, total):
    """Over all lanes: the log of the sum of exponentials; -inf where there was nothing."""
    top = tl.max(largest, axis=0)
    return top + tl.log(tl.sum(total * tl.exp(largest - top), axis=0))


@triton.jit
def sums_kernel(
    student,
    student_stride,
    rests,
    hard_sums,
    compared,
    columns,
    tokens,
    cool,
    SCALE,
    CAP,
    HAS_LM: tl.constexpr,
    ONE_SUM: tl.constexpr,
    HAS_CAP: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """One row: the log-sum of its logits, over the real tokens softened by ``cool`` (rows before ``compared``), and
    over all columns. With ``ONE_SUM`` both are the same: all tokens, temperature 1.
    """
    row = tl.program_id(0)
    student += row.to(tl.int64) * student_stride
    lanes = tl.arange(0, BLOCK)
    # a finite start: -inf - -inf would be a NaN
    lowest = tl.full([BLOCK], -3.0e38, dtype=tl.float32)
    zeros = tl.zeros([BLOCK], dtype=tl.float32)
    top, total, soft_top, soft_total = lowest, zeros, lowest, zeros
    reals = tl.where(row < compared, tokens, 0)
    for start in range(0, columns, BLOCK):
        at = start + lanes
        x = _other(student, at, at < columns, SCALE, CAP, HAS_CAP)
        if HAS_LM or ONE_SUM:
            top, total = _more(top, total, x)
        if not ONE_SUM:
            soft_top, soft_total = _more(soft_top, soft_total, tl.where(at < reals, x * cool, -float("inf")))
    if HAS_LM or ONE_SUM:
        tl.store(hard_sums + row, _log_sum(top, total))
    if not ONE_SUM:
        tl.store(rests + row, _log_sum(soft_top, soft_total))


@triton.jit
def slopes_kernel(
    student,
    student_stride,
    out,
    out_stride,
    labels,
    label_factor,
    shares,
    rests,
    hard_sums,
    compared,
    columns,
    tokens,
    cool,
    SCALE,
    CAP,
    HAS_LM: tl.constexpr,
    HAS_CAP: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """One row: the gradient to the products that are not in its list. ``shares`` is what KD gives all of them
    together, each by its part of their softened mass, whose log is in ``rests``; ``hard_sums`` are of all columns.
    """
    row = tl.program_id(0)
    student += row.to(tl.int64) * student_stride
    out += row.to(tl.int64) * out_stride
    lanes = tl.arange(0, BLOCK)
    is_compared = row < compared
    reals = tl.where(is_compared, tokens, 0)
    share = tl.load(shares + row, mask=is_compared, other=0.0)
    rest = tl.load(rests + row, mask=is_compared, other=0.0)
    factor, label, hard_sum = 0.0, -1, 0.0
    if HAS_LM:
        factor = tl.load(label_factor + row)
        label = tl.load(labels + row)
        hard_sum = tl.load(hard_sums + row)
    for start in range(0, columns, BLOCK):
        at = start + lanes
        inside = at < columns
        x = _other(student, at, inside, SCALE, CAP, HAS_CAP)
        # where nothing but the list has mass there is no token to give it to
        slope = tl.where((at < reals) & (x != -float("inf")), share * tl.exp(x * cool - rest), 0.0)
        if HAS_LM:
            slope += factor * (tl.exp(x - hard_sum) - tl.where(at == label, 1.0, 0.0))
        slope *= SCALE
        if HAS_CAP:
            slope *= tl.where(x == -float("inf"), 0.0, 1.0 - (x / CAP) * (x / CAP))
        tl.store(out + at, slope.to(out.dtype.element_ty), mask=inside)
