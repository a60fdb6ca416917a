"""Which block of the student is compared with which block of the teacher."""

from __future__ import annotations


def layer_pairs(student_layers: int, teacher_layers: int, pairs: int) -> tuple[tuple[int, int], ...]:
    """Return ``pairs`` pairs of block numbers (0 is the first block), rising, evenly spread, the last with the last.

    Depth is matched by the share of the blocks that have run, so it is right also where the student is the
    deeper one. Block numbers, not entries of ``hidden_states``: entry 0 there is the embedding.
    Asking for more pairs than the shallower model has blocks gives one pair a block of it.
    """
    if min(student_layers, teacher_layers, pairs) < 1:
        raise ValueError(f"layers and pairs must be positive: {student_layers}, {teacher_layers}, {pairs}")
    count = min(pairs, student_layers, teacher_layers)
    depths = [(k + 1) / count for k in range(count)]
    return tuple((_block(d, student_layers), _block(d, teacher_layers)) for d in depths)


def _block(depth: float, layers: int) -> int:
    return max(0, round(depth * layers) - 1)
