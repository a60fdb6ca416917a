"""The records of a teacher's cache, asked by whoever reads them as the format says."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from functools import cache
from itertools import product

import numpy as np
import torch

from sad.cache.layout import Layout, layout
from sad.cache.part import HELD_OUT, TRAIN, Part
from sad.cache.writer import plan_parts
from sad.data import Example
from sad.head.target import Stored, TopK
from sad.subjects.plain.cache_record import REST, WHOLE, Form, Listed, near, normalised, read, step

BITS = (8, 12, 18, WHOLE)
TOKENS = (2, 3, 64, 65, 3000)
"""Of a vocabulary: on both sides of where another bit is needed."""
ROWS, WIDTH = 5, 3
FLOAT, HALF = 2e-6, 2.0**-10
"""Relative errors of a float32 with a few operations, and of a float16."""
BLOCKS, HEATS = (1, 4), (2.0, 1.0)
SHARD = 7


@cache
def check_records() -> None:
    """Raise AssertionError where a record is not what its format says, does not hold what was put in, or gives back
    something else than it holds; and where a cache is laid out otherwise than was asked for.
    """
    for tokens, bits, bare in product(TOKENS, BITS, (False, True)):
        lists = tuple((heat, min(k, tokens)) for heat, k in zip(HEATS, (5, 9), strict=True))
        of = Layout(tokens, bits, lists[:1] if bare else lists, not bare, () if bare else BLOCKS, WIDTH)
        assert layout(json.loads(json.dumps(of.tree()))) == of, "a layout is read otherwise than it was told"
        _check_record(of)
    _check_parts()


def _check_record(of: Layout) -> None:
    draw = torch.Generator().manual_seed(of.vocabulary)
    target = tuple(_list(of.vocabulary, k, heat, draw) for heat, k in of.lists)
    mass = torch.rand(ROWS, generator=draw) if of.mass else None
    states = {block: 10.0**block * torch.randn(ROWS, WIDTH, generator=draw) for block in of.blocks}
    for state in states.values():
        # one that float16 cannot hold, one of nothing, and one whose small numbers it cannot hold
        state[0], state[1] = torch.tensor([3e38, -1e36, 0.0]), 0.0
        state[2] = torch.tensor([1.0, 1e-8, -3e-8])
    if of.blocks:
        # as a teacher in half precision has them
        states[of.blocks[0]] = states[of.blocks[0]].bfloat16()
    records = of.encode(Stored(target, mass), states)
    assert records.shape == (ROWS, of.size), "a record of another size than its layout says"
    back, blocks = of.decode(records)
    form = Form(of.vocabulary, of.bits, tuple(k for _, k in of.lists), of.mass, len(of.blocks), of.width)
    exact = of.bits == WHOLE
    for row in range(ROWS):
        lists, share, kept = read(records[row].tobytes(), form)
        for put, held, gave in zip(target, lists, back.lists, strict=True):
            wanted = _of_row(put, row)
            assert held.tokens == wanted.tokens, "other tokens on disk"
            assert _on_grid(held.log_probs, wanted.log_probs, of.bits), "other log-probabilities on disk"
            assert _on_grid([held.rest], [wanted.rest], of.bits if exact else REST), "another rest on disk"
            found, right = _of_row(gave, row), held if exact else normalised(held)
            assert (found.tokens, gave.temperature) == (right.tokens, put.temperature), "other tokens are read"
            values = [*found.log_probs, found.rest], [*right.log_probs, right.rest]
            assert near(*values, FLOAT, FLOAT), "other log-probabilities are read than are on disk"
        assert share == (None if mass is None else float(mass[row])), "another mapped mass on disk"
        assert mass is None or (back.mass is not None and back.mass[row] == mass[row]), "another mapped mass is read"
        for block, held_state in zip(of.blocks, kept, strict=True):
            put_state = states[block][row].tolist()
            least = 2.0**-24 * max(map(abs, put_state)) / 2.0**15
            assert near(held_state, put_state, 0.0 if exact else HALF, 0.0 if exact else least), "another state on disk"
            assert near(blocks[block][row].tolist(), held_state, FLOAT), "another state is read than is on disk"


def _list(tokens: int, k: int, heat: float, draw: torch.Generator) -> TopK:
    """Lists of some rows: one of nothing, one of what is surely so, and others."""
    log_probs = (4 * torch.randn(ROWS, tokens, generator=draw)).log_softmax(dim=-1)
    log_probs[0] = -math.inf
    log_probs[1], log_probs[1, tokens - 1] = -math.inf, 0.0
    kept, ids = log_probs.topk(k, dim=-1)
    return TopK(ids, kept, log_probs.scatter(-1, ids, -math.inf).logsumexp(dim=-1), heat)


def _of_row(of: TopK, row: int) -> Listed:
    return Listed(of.ids[row].tolist(), of.log_probs[row].tolist(), float(of.tail[row]))


def _on_grid(held: list[float], put: list[float], bits: int) -> bool:
    """Whether what is on disk is as near to what was put in as the grid can be."""
    return all(
        one == other
        or (math.isfinite(other) and abs(one - other) <= (1 + 1e-6) * step(other, bits) + (bits < WHOLE) * 1e-12)
        for one, other in zip(held, put, strict=True)
    )


def _check_parts() -> None:
    """Raise AssertionError where held-out text, on which scores are measured, is kept with less than the rest."""
    ids, at = np.arange(4), np.arange(3)
    examples: Mapping[str, list[Example]] = {
        TRAIN: [Example(ids, ids, at[:n], at[:n], 0) for n in (3, 0, 2)],
        HELD_OUT: [Example(ids, ids, at, at, 0)],
    }
    for tokens, k, bits, heat in product((20, 900, 50_000), (None, 7, 2000), (None, 8, 18, WHOLE), (1.0, 2.0)):
        parts = plan_parts(*(examples, tokens, heat), k=k, bits=bits, blocks=(4, 1, 4), width=WIDTH, shard_rows=SHARD)
        train, held = parts[TRAIN].layout, parts[HELD_OUT].layout
        ((at_heat, many),) = train.lists
        told = at_heat, train.vocabulary, train.blocks, train.width, train.mass
        assert told == (heat, tokens, (1, 4), WIDTH, False), "training text is kept otherwise"
        assert (many, train.bits) == (min(k or many, tokens), bits or train.bits), "another k, or other bits"
        assert [one for one, _ in held.lists] == list(dict.fromkeys((heat, 1.0))), "other temperatures of held-out text"
        longer = {count for _, count in held.lists}
        assert longer == {tokens} or (tokens > 900 and min(longer) >= max(many, 500)), "held-out lists are short"
        least = WHOLE if bits == WHOLE else max(16, train.bits)
        assert least <= held.bits <= max(least, WHOLE - 1), "held-out bits are few"
        assert (held.mass, held.blocks, held.width) == (True, (1, 4), WIDTH), "held-out text is kept otherwise"
        _check_offsets(parts)


def _check_offsets(parts: Mapping[str, Part]) -> None:
    for name, wanted in ((TRAIN, [0, 3, 3, 5]), (HELD_OUT, [0, 3])):
        part = parts[name]
        assert (part.name, part.offsets.tolist(), part.shard_rows) == (name, wanted, SHARD), "other offsets"
