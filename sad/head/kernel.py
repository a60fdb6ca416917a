"""KD and LM of some rows in one Triton kernel: each logit is read two or three times, and nothing else is stored.

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
    """Largest value, and sum of exponentials relative to it, with some more values; a NaN stays."""
    top = tl.maximum(largest, tl.max(x, axis=0))
    # before the first finite value there is nothing to bring to another scale
    base = tl.where(top == -float("inf"), 0.0, top)
    return top, total * tl.exp(largest - base) + tl.sum(tl.exp(x - base), axis=0)


@triton.jit
def _part(log_p, log_q, MIX, KIND: tl.constexpr):
    """Of each token its part of the value, and q times the slope to q up to a constant."""
    p, q = tl.exp(log_p), tl.exp(log_q)
    if KIND == FORWARD:
        value = tl.where(p == 0.0, 0.0, p * (log_p - log_q))
        slope = -p
    elif KIND == REVERSE:
        value = tl.where(q == 0.0, 0.0, q * (log_q - log_p))
        slope = value
    else:
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
    heat,
    MIX,
    S_SCALE,
    S_CAP,
    T_SCALE,
    T_CAP,
    KIND: tl.constexpr,
    HAS_KD: tl.constexpr,
    HAS_LM: tl.constexpr,
    S_HAS_CAP: tl.constexpr,
    T_HAS_CAP: tl.constexpr,
    SLOPE: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """One row: values of KD (rows before ``compared``) and LM, and the gradient to the products of the student.

    ``kd_factor`` is the scale of KD times the temperature (1 / temperature of the derivative, times its square);
    ``label_factor`` has the scale of LM, and of the chunk likelihood, row by row.
    """
    row = tl.program_id(0)
    student += row.to(tl.int64) * student_stride
    out += row.to(tl.int64) * out_stride
    # a row that is not compared has no token to compare, and loads nothing of the teacher
    reals = tl.where(row < compared, tokens, 0)
    teacher += tl.where(row < compared, row, 0).to(tl.int64) * teacher_stride
    lanes = tl.arange(0, BLOCK)
    none = -float("inf")
    top, total, soft_top, soft_total, their_top, their_total = none, 0.0, none, 0.0, none, 0.0
    for start in range(0, columns, BLOCK):
        at = start + lanes
        x = _logit(student, at, at < columns, S_SCALE, S_CAP, S_HAS_CAP)
        if HAS_LM:
            top, total = _grown(top, total, x)
        if HAS_KD:
            real = at < reals
            soft_top, soft_total = _grown(soft_top, soft_total, tl.where(real, x / heat, none))
            y = _logit(teacher, at, real, T_SCALE, T_CAP, T_HAS_CAP)
            their_top, their_total = _grown(their_top, their_total, tl.where(real, y / heat, none))
    log_sum, soft_log, their_log = top + tl.log(total), soft_top + tl.log(soft_total), their_top + tl.log(their_total)
    factor, label = 0.0, -1
    if HAS_LM:
        factor = tl.load(label_factor + row)
        label = tl.load(labels + row)
        here = _logit(student, label, label >= 0, S_SCALE, S_CAP, S_HAS_CAP)
        tl.store(lm_values + row, log_sum - here)
    value, inner = 0.0, 0.0
    if HAS_KD:
        for start in range(0, tokens, BLOCK):
            at = start + lanes
            real = at < reals
            x = _logit(student, at, real, S_SCALE, S_CAP, S_HAS_CAP)
            y = _logit(teacher, at, real, T_SCALE, T_CAP, T_HAS_CAP)
            parts, slopes = _part(y / heat - their_log, x / heat - soft_log, MIX, KIND)
            value += tl.sum(tl.where(real, parts, 0.0), axis=0)
            inner += tl.sum(tl.where(real, slopes, 0.0), axis=0)
        tl.store(kd_values + row, value)
    if SLOPE:
        for start in range(0, columns, BLOCK):
            at = start + lanes
            inside = at < columns
            x = _logit(student, at, inside, S_SCALE, S_CAP, S_HAS_CAP)
            slope = tl.zeros([BLOCK], dtype=tl.float32)
            if HAS_LM:
                slope += factor * (tl.exp(x - log_sum) - tl.where(at == label, 1.0, 0.0))
            if HAS_KD:
                real = at < reals
                y = _logit(teacher, at, real, T_SCALE, T_CAP, T_HAS_CAP)
                log_q = x / heat - soft_log
                _, slopes = _part(y / heat - their_log, log_q, MIX, KIND)
                slope += tl.where(real, kd_factor * (slopes - tl.exp(log_q) * inner), 0.0)
            slope *= S_SCALE
            if S_HAS_CAP:
                slope *= 1.0 - (x / S_CAP) * (x / S_CAP)
            tl.store(out + at, slope.to(out.dtype.element_ty), mask=inside)
