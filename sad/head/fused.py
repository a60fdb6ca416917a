"""The element-wise part of the pass on a GPU: one kernel for a block of rows, where it can compute what is asked."""

from __future__ import annotations

import importlib.util
import math
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
ONCE, ONCE_WARPS, EVEN = 8192, 16, 64
"""Tokens that a program holds at the most where several share a row, its warps, and what the tokens are rounded to."""
ONCE_HERE = False
"""Whether a processor that interprets the kernels takes that way too: programs run one after the other there, so a row
must be one."""
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
    """Return the values of KD and LM in nats; write their gradient to the products into ``out``, which may be them.

    ``products`` are those of the student's states and weight, ``teacher`` those of the teacher at the first rows, with
    one column for each of the ``tokens``; ``heads`` tell scale and soft-cap of both. ``kd_scale`` and ``label_factor``
    are what the gradients are multiplied by. The types of ``out`` may be half precision.
    """
    count, columns = products.shape
    compared = 0 if teacher is None else teacher.shape[0]
    values = torch.zeros(2, count, dtype=torch.float32, device=products.device)
    if not count:
        return values[0, :0], values[1]
    theirs, into = products if teacher is None else teacher, products if out is None else out
    none = torch.zeros(1, dtype=torch.int64, device=products.device)
    rows = (products, products.stride(0), theirs, theirs.stride(0), into, into.stride(0))
    told = (none if labels is None else labels, values[1] if label_factor is None else label_factor, *values)
    sizes = (compared, columns, tokens)
    factors = (kd_scale * divergence.temperature, 1.0 / divergence.temperature, divergence.mix)
    ends = (heads[0].scale, heads[0].softcap or 1.0, heads[1].scale, heads[1].softcap or 1.0)
    known = {
        "KIND": NUMBERS[divergence.plain],
        "HAS_KD": teacher is not None,
        "HAS_LM": labels is not None,
        "ONE_SUM": divergence.temperature == 1.0 and tokens == columns and compared == count,
        "S_HAS_CAP": heads[0].softcap is not None,
        "T_HAS_CAP": heads[1].softcap is not None,
        "SLOPE": out is not None,
    }
    parts = shared(columns, products.device)
    if parts and into is not products:
        from sad.head.kernel_once import FIELDS, rows_once_kernel

        width = math.ceil(columns / parts / EVEN) * EVEN
        found = torch.empty(count * parts * FIELDS.value, dtype=torch.float32, device=products.device)
        flags = torch.zeros(1 + 2 * count, dtype=torch.int32, device=products.device)
        how = {"PARTS": parts, "MANY": triton_size(parts), "BLOCK": triton_size(width), "num_warps": ONCE_WARPS}
        rows_once_kernel[(count * parts,)](*rows, *told, found, flags, *sizes, width, *factors, *ends, **known, **how)
    else:
        from sad.head.kernel import rows_kernel

        rows_kernel[(count,)](*rows, *told, *sizes, *factors, *ends, **known, BLOCK=BLOCK, num_warps=WARPS)
    return values[0, :compared], values[1]


def triton_size(number: int) -> int:
    """Return the least power of two that is not less."""
    return 1 << max(0, number - 1).bit_length()


def shared(columns: int, device: torch.device) -> int:
    """Return how many programs share a row, or 0 where each row has a program of its own."""
    parts = math.ceil(columns / ONCE)
    if device.type != "cuda":
        return 1 if parts == 1 and ONCE_HERE else 0
    # as many as a row has must run at once, with room to spare
    return parts if 2 * parts <= torch.cuda.get_device_properties(device).multi_processor_count else 0


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
