"""KD and LM of some rows in one Triton kernel: each logit is read twice, of mixed divergences three times.

Imported only where there is a GPU, as Triton is not everywhere. The mathematics is that of :mod:`sad.losses.kd` and
:mod:`sad.losses.lm`, row by row; :mod:`sad.head.fused` calls it.
"""

from __future__ import annotations

import triton
import triton.language as tl

FORWARD, REVERSE, JSD, SKEW, SKEW_REVERSE = (tl.constexpr(number) for number in range(5))
FAR = tl.constexpr(60.0)


@triton.jit
def _logit(pointer, at, inside, SCALE, CAP, HAS_CAP: tl.constexpr):
    """A logit from a product, in float32; -inf beyond the row."""
    x = tl.load(pointer + at, mask=inside, other=0.0).to(tl.float32) * SCALE
    if HAS_CAP:
        # tanh by its formula: cap * (1 - 2 / (exp(2 x / cap) + 1))
        x = CAP * (1.0 - 2.0 / (tl.exp(2.0 * x / CAP) + 1.0))
    return tl.where(inside, x, -float("inf"))


@triton.jit
def _grown(largest, total, x):
    """Lane by lane: the largest value so far, and the sum of exponentials relative to it, with one more; a NaN stays.

    Also returns the factor that brings what was summed before to the new scale, and the new value's own exponential.
    """
    apart = x - largest
    # of the two one is 1: a single exponential does for both
    small = tl.exp(-tl.abs(apart))
    above = apart > 0.0
    old, new = tl.where(above, small, 1.0), tl.where(above, 1.0, small)
    return tl.where(above, x, largest), total * old + new, old, new


@triton.jit
def _joined(largest, total):
    """Over all lanes: the largest value, and the sum of exponentials relative to it."""
    top = tl.max(largest, axis=0)
    return top, tl.sum(total * tl.exp(largest - top), axis=0)


@triton.jit
def _moved(sums, old, new, apart):
    """Sums of differences, each times its exponential, with one more; what has no mass counts for nothing."""
    return tl.where(old == 0.0, 0.0, sums * old) + tl.where(new == 0.0, 0.0, new * apart)


@triton.jit
def _mean(sums, largest, top, whole):
    """Such sums over all lanes, by the whole mass."""
    weight = tl.exp(largest - top)
    return tl.sum(tl.where(weight == 0.0, 0.0, weight * sums), axis=0) / whole


@triton.jit
def _part(log_p, log_q, MIX, KIND: tl.constexpr):
    """Of each token its part of a mixed divergence, and q times the slope to q up to a constant."""
    p, q = tl.exp(log_p), tl.exp(log_q)
    ratio = log_p - log_q
    # finite where one of the two or both are nothing; another NaN stays one
    both = (log_p == -float("inf")) & (log_q == -float("inf"))
    near = tl.where(both, 0.0, tl.minimum(tl.maximum(ratio, -FAR), FAR))
    ratio = tl.where((ratio != ratio) & (both == 0), ratio, near)
    share = 1.0 - MIX if KIND == SKEW_REVERSE else MIX
    over = tl.log(1.0 - share + share * tl.exp(ratio))
    if KIND == JSD:
        value = MIX * p * (ratio - over) - (1.0 - MIX) * q * over
        slope = (MIX - 1.0) * q * over
    elif KIND == SKEW:
        value = p * (ratio - over)
        slope = (MIX - 1.0) * q * tl.exp(ratio - over)
    else:
        value = -q * over
        slope = q * (-over - MIX * tl.exp(-over))
    return value, slope


@triton.jit
def rows_kernel(
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
    compared,
    columns,
    tokens,
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
    BLOCK: tl.constexpr,
):
    """One row: values of KD (rows before ``compared``) and LM, and the gradient to the products of the student.

    ``kd_factor`` is the scale of KD times the temperature (1 / temperature of the derivative, times its square), and
    ``cool`` is 1 / temperature; ``label_factor`` has the scale of LM, and of the chunk likelihood, row by row.
    With ``ONE_SUM`` the student's softmax is the same for both terms: all tokens, temperature 1. ``out`` lies
    elsewhere than the products.
    """
    row = tl.program_id(0)
    student += row.to(tl.int64) * student_stride
    out += row.to(tl.int64) * out_stride
    # a row that is not compared has no token to compare, and loads nothing of the teacher
    reals = tl.where(row < compared, tokens, 0)
    teacher += tl.where(row < compared, row, 0).to(tl.int64) * teacher_stride
    lanes = tl.arange(0, BLOCK)
    none = -float("inf")
    # a finite start: -inf - -inf would be a NaN
    lowest = tl.full([BLOCK], -3.0e38, dtype=tl.float32)
    zeros = tl.zeros([BLOCK], dtype=tl.float32)
    top, total, soft_top, soft_total, their_top, their_total = lowest, zeros, lowest, zeros, lowest, zeros
    moved = zeros
    for start in range(0, columns, BLOCK):
        at = start + lanes
        x = _logit(student, at, at < columns, S_SCALE, S_CAP, S_HAS_CAP)
        if HAS_LM or ONE_SUM:
            top, total, old, new = _grown(top, total, x)
        if HAS_KD:
            real = at < reals
            y = tl.where(real, _logit(teacher, at, real, T_SCALE, T_CAP, T_HAS_CAP) * cool, none)
            x = tl.where(real, x * cool, none)
            if not ONE_SUM:
                soft_top, soft_total, old, new = _grown(soft_top, soft_total, x)
            their_top, their_total, their_old, their_new = _grown(their_top, their_total, y)
            if KIND == FORWARD:
                moved = _moved(moved, their_old, their_new, y - x)
            elif KIND == REVERSE:
                moved = _moved(moved, old, new, x - y)
    most, whole, soft_most, soft_whole, their_most, their_whole = 0.0, 1.0, 0.0, 1.0, 0.0, 1.0
    value, inner, constant = 0.0, 0.0, 0.0
    if HAS_LM or ONE_SUM:
        most, whole = _joined(top, total)
    if HAS_KD:
        if ONE_SUM:
            soft_most, soft_whole, soft_top = most, whole, top
        else:
            soft_most, soft_whole = _joined(soft_top, soft_total)
        their_most, their_whole = _joined(their_top, their_total)
        # of log P - log Q what is the same for all tokens
        constant = (soft_most - their_most) + (tl.log(soft_whole) - tl.log(their_whole))
        if KIND == FORWARD:
            value = _mean(moved, their_top, their_most, their_whole) + constant
        elif KIND == REVERSE:
            value = _mean(moved, soft_top, soft_most, soft_whole) - constant
            inner = value
        else:
            parts, slopes = zeros, zeros
            for start in range(0, tokens, BLOCK):
                at = start + lanes
                real = at < reals
                x = _logit(student, at, real, S_SCALE, S_CAP, S_HAS_CAP) * cool - soft_most
                y = _logit(teacher, at, real, T_SCALE, T_CAP, T_HAS_CAP) * cool - their_most
                part, slope = _part(y - tl.log(their_whole), x - tl.log(soft_whole), MIX, KIND)
                parts += tl.where(real, part, 0.0)
                slopes += tl.where(real, slope, 0.0)
            value, inner = tl.sum(parts, axis=0), tl.sum(slopes, axis=0)
        tl.store(kd_values + row, tl.where(row < compared, value, 0.0))
    factor, label = 0.0, -1
    if HAS_LM:
        factor = tl.load(label_factor + row)
        label = tl.load(labels + row)
        here = _logit(student, label, label >= 0, S_SCALE, S_CAP, S_HAS_CAP)
        tl.store(lm_values + row, most - here + tl.log(whole))
    by, soft_by, their_by = 1.0 / whole, 1.0 / soft_whole, 1.0 / their_whole
    if SLOPE:
        for start in range(0, columns, BLOCK):
            at = start + lanes
            inside = at < columns
            x = _logit(student, at, inside, S_SCALE, S_CAP, S_HAS_CAP)
            slope = tl.zeros([BLOCK], dtype=tl.float32)
            if HAS_LM:
                slope += factor * (tl.exp(x - most) * by - tl.where(at == label, 1.0, 0.0))
            if HAS_KD:
                real = at < reals
                y = _logit(teacher, at, real, T_SCALE, T_CAP, T_HAS_CAP) * cool - their_most
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


@triton.jit
def scale_kernel(sums, out, factor, numbers, NEAR, PLACE: tl.constexpr, BLOCK: tl.constexpr):
    """Numbers times one factor, into another tensor or in ``PLACE``: there a factor as ``NEAR`` to 1 costs nothing."""
    by = tl.load(factor).to(tl.float32)
    if PLACE:  # noqa: SIM102 - known when it is compiled, the other when it runs
        if tl.abs(by - 1.0) <= NEAR:
            return
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = at < numbers
    tl.store(out + at, (tl.load(sums + at, mask=inside) * by).to(out.dtype.element_ty), mask=inside)
