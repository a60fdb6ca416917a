"""The same rows as :mod:`sad.head.kernel`, each logit read once: a row is dealt to several programs, which hold their
parts of it in registers, exchange what they found, and go on.

The programs of a row wait for one another. They take their places by a counter, in the order in which they start: so
each waits only for programs that run, or will as soon as others end, and as many as a row has must fit on the device.
"""

from __future__ import annotations

import triton
import triton.language as tl

from sad.head.kernel import FORWARD, REVERSE, _logit, _part

FIELDS = tl.constexpr(8)


@triton.jit
def _gathered(found, parts, field: tl.constexpr, missing, PARTS: tl.constexpr):
    """One number of each part of this row."""
    return tl.load(found + parts * FIELDS + field, mask=parts < PARTS, other=missing, volatile=True)


@triton.jit
def _all_here(flag, PARTS: tl.constexpr):
    """Tell that this part is written, and wait until all are."""
    tl.debug_barrier()
    count = tl.atomic_add(flag, 1, sem="acq_rel") + 1
    while count < PARTS:
        count = tl.atomic_add(flag, 0, sem="acq_rel")
    tl.debug_barrier()


@triton.jit
def _sums(x, inside):
    """The largest of some values, and the sum of exponentials relative to it; a NaN stays."""
    top = tl.maximum(tl.max(tl.where(inside, x, -float("inf")), axis=0), -3.0e38)
    return top, tl.sum(tl.where(inside, tl.exp(x - top), 0.0), axis=0)


@triton.jit
def rows_once_kernel(
    student,
    student_stride,
    teacher,
    teacher_stride,
    out,
    out_stride,
    labels,
    label_factor,
    kd_values,
    lm_values,
    found,
    flags,
    compared,
    columns,
    tokens,
    width,
    kd_factor,
    cool,
    MIX,
    S_SCALE,
    S_CAP,
    T_SCALE,
    T_CAP,
    KIND: tl.constexpr,
    HAS_KD: tl.constexpr,
    HAS_LM: tl.constexpr,
    ONE_SUM: tl.constexpr,
    S_HAS_CAP: tl.constexpr,
    T_HAS_CAP: tl.constexpr,
    SLOPE: tl.constexpr,
    PARTS: tl.constexpr,
    MANY: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """A part of a row, ``width`` of its columns.

    ``found`` is scratch memory; ``flags`` are zeros: the counter, then two for each row. The other arguments are those
    of :func:`sad.head.kernel.rows_kernel`; ``out`` may not be the logits.
    """
    place = tl.atomic_add(flags, 1, sem="relaxed")
    row, part = place // PARTS, place % PARTS
    student += row.to(tl.int64) * student_stride
    out += row.to(tl.int64) * out_stride
    found += row.to(tl.int64) * (PARTS * FIELDS)
    flag = flags + 1 + 2 * row
    reals = tl.where(row < compared, tokens, 0)
    teacher += tl.where(row < compared, row, 0).to(tl.int64) * teacher_stride
    lanes = tl.arange(0, BLOCK)
    at = part * width + lanes
    inside = (lanes < width) & (at < columns)
    real = (lanes < width) & (at < reals)
    x = _logit(student, at, inside, S_SCALE, S_CAP, S_HAS_CAP)
    mine = found + part * FIELDS
    if HAS_LM or ONE_SUM:
        top, total = _sums(x, inside)
        tl.store(mine, top)
        tl.store(mine + 1, total)
    if HAS_KD:
        y = _logit(teacher, at, real, T_SCALE, T_CAP, T_HAS_CAP) * cool
        soft = tl.where(real, x * cool, -float("inf"))
        if not ONE_SUM:
            top, total = _sums(soft, real)
            tl.store(mine + 2, top)
            tl.store(mine + 3, total)
        their_top, their_total = _sums(y, real)
        tl.store(mine + 4, their_top)
        tl.store(mine + 5, their_total)
        if KIND == FORWARD:
            p = tl.where(real, tl.exp(y - their_top), 0.0)
            tl.store(mine + 6, tl.sum(tl.where(p == 0.0, 0.0, p * (y - soft)), axis=0))
        elif KIND == REVERSE:
            q = tl.where(real, tl.exp(soft - top), 0.0)
            tl.store(mine + 6, tl.sum(tl.where(q == 0.0, 0.0, q * (soft - y)), axis=0))
    _all_here(flag, PARTS)
    parts = tl.arange(0, MANY)
    most, whole, soft_most, soft_whole, their_most, their_whole = 0.0, 1.0, 0.0, 1.0, 0.0, 1.0
    value, inner = 0.0, 0.0
    if HAS_LM or ONE_SUM:
        tops = _gathered(found, parts, 0, -3.0e38, PARTS)
        most = tl.max(tops, axis=0)
        whole = tl.sum(_gathered(found, parts, 1, 0.0, PARTS) * tl.exp(tops - most), axis=0)
    if HAS_KD:
        if ONE_SUM:
            soft_tops = tops
            soft_most, soft_whole = most, whole
        else:
            soft_tops = _gathered(found, parts, 2, -3.0e38, PARTS)
            soft_most = tl.max(soft_tops, axis=0)
            soft_whole = tl.sum(_gathered(found, parts, 3, 0.0, PARTS) * tl.exp(soft_tops - soft_most), axis=0)
        their_tops = _gathered(found, parts, 4, -3.0e38, PARTS)
        their_most = tl.max(their_tops, axis=0)
        their_whole = tl.sum(_gathered(found, parts, 5, 0.0, PARTS) * tl.exp(their_tops - their_most), axis=0)
        constant = (soft_most - their_most) + (tl.log(soft_whole) - tl.log(their_whole))
        if KIND == FORWARD:
            weight = tl.exp(their_tops - their_most)
            moved = tl.where(weight == 0.0, 0.0, weight * _gathered(found, parts, 6, 0.0, PARTS))
            value = tl.sum(moved, axis=0) / their_whole + constant
        elif KIND == REVERSE:
            weight = tl.exp(soft_tops - soft_most)
            moved = tl.where(weight == 0.0, 0.0, weight * _gathered(found, parts, 6, 0.0, PARTS))
            value = tl.sum(moved, axis=0) / soft_whole - constant
            inner = value
        else:
            each, slopes = _part(y - their_most - tl.log(their_whole), soft - soft_most - tl.log(soft_whole), MIX, KIND)
            tl.store(mine + 6, tl.sum(tl.where(real, each, 0.0), axis=0))
            tl.store(mine + 7, tl.sum(tl.where(real, slopes, 0.0), axis=0))
            _all_here(flag + 1, PARTS)
            value = tl.sum(_gathered(found, parts, 6, 0.0, PARTS), axis=0)
            inner = tl.sum(_gathered(found, parts, 7, 0.0, PARTS), axis=0)
        if part == 0:
            tl.store(kd_values + row, tl.where(row < compared, value, 0.0))
    factor, label = 0.0, -1
    if HAS_LM:
        factor = tl.load(label_factor + row)
        label = tl.load(labels + row)
        if (label >= part * width) & (label < part * width + width):
            here = tl.sum(tl.where(at == label, x, 0.0), axis=0)
            tl.store(lm_values + row, most - here + tl.log(whole))
    by, soft_by, their_by = 1.0 / whole, 1.0 / soft_whole, 1.0 / their_whole
    if SLOPE:
        slope = tl.zeros([BLOCK], dtype=tl.float32)
        if HAS_LM:
            slope += factor * (tl.exp(x - most) * by - tl.where(at == label, 1.0, 0.0))
        if HAS_KD:
            y = y - their_most
            soft = x * cool - soft_most
            q = tl.exp(soft) * soft_by
            if KIND == FORWARD:
                slopes = q - tl.exp(y) * their_by
            elif KIND == REVERSE:
                gap = (soft - y) - (tl.log(soft_whole) - tl.log(their_whole))
                slopes = tl.where(q == 0.0, 0.0, q * gap) - q * inner
            else:
                _, slopes = _part(y - tl.log(their_whole), soft - tl.log(soft_whole), MIX, KIND)
                slopes -= q * inner
            slope += tl.where(real, kd_factor * slopes, 0.0)
        slope *= S_SCALE
        if S_HAS_CAP:
            slope *= 1.0 - (x / S_CAP) * (x / S_CAP)
        tl.store(out + at, slope.to(out.dtype.element_ty), mask=inside)
