"""The tiny pair with a teacher, and where wanted a student, that have learned the text: ordinary in all respects."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch.nn.functional import cross_entropy

SIZES = {"teacher": (400, 3, 32, 1), "student": (320, 2, 16, 2)}
"""Vocabulary, layers, width and seed of each side."""
TEACHER = 150
"""Steps after which the teacher knows the text, and is not yet sure of every token."""


def fresh(side: str, **more: Any) -> Any:
    """Return a side of the pair with random weights; ``more`` is for its configuration."""
    from sad import tiny

    vocabulary, layers, width, seed = SIZES[side]
    return tiny.model(tiny.reader(vocabulary).size, layers=layers, width=width, seed=seed, **more)


@cache
def _weights(side: str, steps: int, tied: bool, extra: int) -> dict[str, torch.Tensor]:
    """Return the weights of a side after so many steps on the tiny text, 8 pieces of 32 tokens each, as a language
    model.
    """
    from sad import tiny

    vocabulary = SIZES[side][0]
    size = tiny.reader(vocabulary).size + extra
    model = fresh(side, tie_word_embeddings=tied, vocab_size=size)
    ids = torch.tensor(tiny.tokenizer(vocabulary)(tiny.TEXT * 2)["input_ids"])
    draw = torch.Generator().manual_seed(0)
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    for _ in range(steps):
        begins = torch.randint(len(ids) - 33, (8,), generator=draw)
        rows = torch.stack([ids[begin : begin + 33] for begin in begins])
        logits = model(rows[:, :-1]).logits
        loss = cross_entropy(logits.flatten(0, 1), rows[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return {name: value.detach().clone() for name, value in model.state_dict().items()}


def schooled(side: str, steps: int, *, tied: bool = True, extra: int = 0) -> Any:
    """Return a side of the pair after so many steps on the tiny text; its embedding has ``extra`` rows that no token
    of its tokenizer has.
    """
    from sad import tiny

    model = fresh(side, tie_word_embeddings=tied, vocab_size=tiny.reader(SIZES[side][0]).size + extra)
    model.load_state_dict(_weights(side, steps, tied, extra))
    return model


def overflowing(common: str = "e") -> Any:
    """Return the teacher with a feature of its own for one ``common`` token, and a neuron that overflows on it."""
    from sad import tiny

    model = schooled("teacher", TEACHER)
    token = tiny.tokenizer(SIZES["teacher"][0]).convert_tokens_to_ids(common)
    with torch.no_grad():
        embedding = model.model.embed_tokens.weight
        # nothing else writes the last feature
        embedding[:, -1] = 0.0
        for block in model.model.layers:
            block.self_attn.o_proj.weight[-1] = block.mlp.down_proj.weight[-1] = 0.0
        embedding[token, -1] = 10.0
        first = model.model.layers[0].mlp
        for gate in (first.gate_proj, first.up_proj):
            gate.weight[0] = 0.0
            gate.weight[0, -1] = 1e20
    return model


def save(folder: Path, teacher: Any = None, student: Any = None) -> None:
    """Write a pair into ``folder``: where nothing else is given, a teacher that has learned and a fresh student."""
    from sad import tiny

    for side, model in (("teacher", teacher or schooled("teacher", TEACHER)), ("student", student or fresh("student"))):
        model.save_pretrained(folder / side)
        tiny.reader(SIZES[side][0]).tokenizer.save_pretrained(folder / side)
