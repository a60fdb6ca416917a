"""The element-wise part of the pass on a GPU: one kernel for a block of rows, where it can compute what is asked."""

from __future__ import annotations

import importlib.util
from functools import cache
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float, Int
from torch import Tensor

from sad.head.linear import Head
from sad.losses.kd import Divergence, Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

BLOCK, WARPS = 1024, 4
"""Tokens that a program works on at a time, and the warps that share them."""
NUMBERS = {kind: number for number, kind in enumerate(Kind)}


@cache
def installed() -> bool:
    """Whether there is a Triton to write the kernel for."""
    return importlib.util.find_spec("triton") is not None


def fused_rows(
    products: Float[Tensor, "n columns"],
    teacher: Float[Tensor, "compared teacher_columns"] | None,
    heads: Sequence[Head],
    tokens: int,
    divergence: Divergence,
    kd_scale: float,
    labels: Int[Tensor, " n"] | None,
    label_factor: Float[Tensor, " n"] | None,
    out: Float[Tensor, "n columns"] | None,
) -> tuple[Float[Tensor, " compared"], Float[Tensor, " n"]]:
    """Return the values of KD and LM in nats; write their gradient to the products into ``out``, which lies elsewhere.

    ``products`` are those of the student's states and weight, ``teacher`` those of the teacher at the first rows, with
    one column for each of the ``tokens``; ``heads`` tell scale and soft-cap of both. ``kd_scale`` and ``label_factor``
    are what the gradients are multiplied by. The types of ``out`` may be half precision.
    """
    from sad.head.kernel import rows_kernel

    count, columns = products.shape
    compared = 0 if teacher is None else teacher.shape[0]
    values = torch.zeros(2, count, dtype=torch.float32, device=products.device)
    if not count:
        return values[0, :0], values[1]
    theirs, into = products if teacher is None else teacher, products if out is None else out
    none = torch.zeros(1, dtype=torch.int64, device=products.device)
    rows_kernel[(count,)](
        *(products, products.stride(0), theirs, theirs.stride(0), into, into.stride(0)),
        *(none if labels is None else labels, values[1] if label_factor is None else label_factor),
        *(values[0], values[1], compared, columns, tokens),
        *(kd_scale * divergence.temperature, 1.0 / divergence.temperature, divergence.mix),
        *(heads[0].scale, heads[0].softcap or 1.0, heads[1].scale, heads[1].softcap or 1.0),
        KIND=NUMBERS[divergence.plain],
        HAS_KD=teacher is not None,
        HAS_LM=labels is not None,
        ONE_SUM=teacher is not None and divergence.temperature == 1.0 and tokens == columns and compared == count,
        S_HAS_CAP=heads[0].softcap is not None,
        T_HAS_CAP=heads[1].softcap is not None,
        SLOPE=out is not None,
        BLOCK=BLOCK,
        num_warps=WARPS,
    )
    return values[0, :compared], values[1]


def scaled(
    sums: Float[Tensor, "*shape"], factor: Float[Tensor, ""], dtype: torch.dtype, near: float
) -> Float[Tensor, "*shape"]:
    """Return contiguous float32 sums times a factor, in ``dtype``; in their own memory if that is float32.

    There a factor that is ``near`` 1 is 1, and nothing is read or written.
    """
    from sad.head.kernel import scale_kernel

    into = sums if dtype == torch.float32 else torch.empty_like(sums, dtype=dtype)
    if sums.numel():
        count = sums.numel()
        how = {"PLACE": into is sums, "BLOCK": BLOCK, "num_warps": WARPS}
        scale_kernel[(-(-count // BLOCK),)](sums, into, factor.contiguous(), count, near, **how)
    return into
