"""Which block of the student is compared with which block of the teacher."""

from __future__ import annotations

from collections.abc import Sequence

from sad.errors import UserError

Map = int | Sequence[Sequence[int]]
"""How many pairs, or the pairs themselves: block of the student, block of the teacher, both from 0."""


def layer_pairs(
    student_layers: int, teacher_layers: int, wanted: Map, *, repeat: bool = False, key: str = "layers"
) -> tuple[tuple[int, int], ...]:
    """Return pairs of block numbers (student's, teacher's); 0 is the first block.

    A number asks for so many pairs: rising, evenly spread, the last with the last. Depth is matched by the share of
    the blocks that have run, so it is right also where the student is the deeper one. Asking for more pairs than the
    shallower model has blocks gives one pair a block of it, or with ``repeat``, where a block of the teacher may serve
    several, one a block of the student. Pairs are taken as they are, in their order.

    Block numbers, not entries of ``hidden_states``: entry 0 there is the embedding. Raises UserError for a block that
    is not there; ``key`` is what a recipe calls the map.
    """
    if not isinstance(wanted, int):
        return _checked(wanted, student_layers, teacher_layers, key=key)
    if min(student_layers, teacher_layers, wanted) < 1:
        raise ValueError(f"layers and pairs must be positive: {student_layers}, {teacher_layers}, {wanted}")
    count = min(wanted, student_layers, wanted if repeat else teacher_layers)
    depths = [(k + 1) / count for k in range(count)]
    mine, theirs = (
        [max(0, round(depth * layers) - 1) for depth in depths] for layers in (student_layers, teacher_layers)
    )
    return tuple(zip(mine, theirs, strict=True))


def _checked(pairs: Sequence[Sequence[int]], *depths: int, key: str) -> tuple[tuple[int, int], ...]:
    for pair in pairs:
        for who, block, depth in zip(("student", "teacher"), pair, depths, strict=True):
            if not 0 <= block < depth:
                raise UserError(
                    f"{key}: the pair {list(pair)} names block {block} of the {who}, which has {depth}: "
                    f"blocks are numbered 0 to {depth - 1}"
                )
    return tuple((pair[0], pair[1]) for pair in pairs)
