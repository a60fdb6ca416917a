"""The element-wise part of the pass against lists of tokens on a GPU: two kernels, and the buckets between them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from jaxtyping import Float, Int
from torch import Tensor

from sad.head import fused
from sad.head.linear import Head
from sad.losses.kd import Buckets, Divergence, bucket_slopes
from sad.rows import softmax

if TYPE_CHECKING:
    from sad.head.job import RowWeight


def listed_rows(
    products: Float[Tensor, "n columns"],
    target: Buckets,
    head: Head,
    tokens: int,
    divergence: Divergence,
    kd_scale: float,
    labels: Int[Tensor, " n"] | None,
    label_factor: Float[Tensor, " n"] | None,
    out: Float[Tensor, "n columns"] | None,
    row_weight: RowWeight | None = None,
) -> tuple[Float[Tensor, " compared"], Float[Tensor, " n"]]:
    """Return the values of KD and LM in nats; write their gradient to the products into ``out``, which lies elsewhere.

    ``target`` has the lists of the first rows, of ids before ``tokens``; the rest is as :func:`fused.fused_rows` has
    it. ``products`` are overwritten. The types of ``out`` may be half precision.
    """
    from sad.head.kernel_lists import slopes_kernel, sums_kernel

    (count, columns), compared, heat = products.shape, len(target.ids), divergence.temperature
    if not count:
        none = torch.zeros(0, dtype=torch.float32, device=products.device)
        return none, none
    mine, own = products[:compared], head.finished(products[:compared].gather(-1, target.ids))
    lm_values = torch.zeros(count, dtype=torch.float32, device=products.device)
    if labels is not None:
        lm_values -= head.finished(products.gather(-1, labels[:, None]))[:, 0]
    # what is in a list is no part of the sum of the others: to take it off afterwards would leave noise
    mine.scatter_(-1, target.ids, -torch.inf)
    one_sum = heat == 1.0 and tokens == columns and compared == count
    hard = torch.zeros(count, dtype=torch.float32, device=products.device)
    rest = hard if one_sum else torch.zeros_like(hard)
    how = (1.0 / heat, head.scale, head.softcap or 1.0)
    flags = {"HAS_CAP": head.softcap is not None, "BLOCK": fused.BLOCK, "num_warps": fused.WARPS}
    has_labels = {"HAS_LM": labels is not None}
    given = products, products.stride(0)
    sizes = compared, columns, tokens
    sums_kernel[(count,)](*given, rest, hard, *sizes, *how, ONE_SUM=one_sum, **has_labels, **flags)
    buckets = torch.cat([own / heat, rest[:compared, None]], dim=-1)
    values, slopes = bucket_slopes(buckets, softmax(buckets), target, divergence)
    if labels is not None:
        hard = torch.cat([torch.logaddexp(hard[:compared], own.logsumexp(dim=-1)), hard[compared:]])
        lm_values += hard
    if out is None:
        return values, lm_values
    slopes = slopes * (kd_scale * heat)
    if row_weight is not None:
        slopes *= row_weight(values)[:, None]
    none = labels if labels is not None else torch.zeros(1, dtype=torch.int64, device=products.device)
    factor = lm_values if label_factor is None else label_factor
    slopes_kernel[(count,)](
        *(*given, out, out.stride(0), none, factor),
        *(slopes[:, -1].contiguous(), rest, hard, *sizes, *how),
        **has_labels,
        **flags,
    )
    listed = slopes[:, :-1]
    if labels is not None:
        is_label = target.ids == labels[:compared, None]
        listed = listed + factor[:compared, None] * ((own - hard[:compared, None]).exp() - is_label.float())
    out[:compared].scatter_(-1, target.ids, (listed * head.slope(own)).to(out.dtype))
    return values, lm_values
