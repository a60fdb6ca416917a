"""The state compared for block l is what block l hands on, and the pairs of blocks rise to the last one.

## Property
For every block of a model, the state that is taken for it equals the output of that block as a hook sees it: not the
embedding, not the output of another block, not the final norm. The pairs of blocks to compare rise strictly on both
sides and end with the last block of both, for every two depths, also where the student is the deeper one. And what the
training then compares, for 1 to 3 pairs, are the outputs of the blocks of those pairs, each pair once. One
comparison more leaves no hook more on the models. Where a block hands on several streams, behind the places, before
them or side by side in a wider row, its state is their mean.

## Why it must hold
A student's block compared with the teacher's embedding is taught the token that it was given. One that is left out,
or seen through a norm that the others did not pass, is taught on another scale than its neighbours.

## Tolerance
None: equal to the last bit; 1e-6 of the norm for a mean of streams, which is a sum.

## What breaks it
`hidden_states[l]`, where entry 0 is the embedding; `hidden_states[l + 1]`, right but for the last entry, which in
transformers' Llama has passed the final norm; the right pairs, and another block, or one pair for all, in the loss;
one stream for all, or places taken for streams.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from sad import tiny
from sad.batch import Tokens
from sad.verdict import Verdict

ID = "I19"

DEPTHS = range(1, 33)
PAIRS = (1, 2, 4, 64)
COMPARED = (1, 2, 3)
WIDTH = 16
STREAMS = (2.0, 1.0, 1.0, 0.0)
"""What each stream is of the state; their mean is the state."""
ROUNDING = 1e-6
Arrange = Callable[[Any], Any]
ARRANGED: dict[str, tuple[Arrange, Arrange]] = {
    "before the places": (lambda streams: streams, lambda kept: kept.mean(0)),
    "behind the places": (lambda streams: streams.movedim(0, -2), lambda kept: kept.mean(-2)),
    "in a row": (
        lambda streams: streams.movedim(0, -2).flatten(-2),
        lambda kept: kept.reshape(*kept.shape[:-1], len(STREAMS), WIDTH).mean(-2),
    ),
    "as one, beside something else": (lambda streams: (streams.mean(0), None), lambda kept: kept[0]),
}
"""Where a block keeps streams that come as [stream, batch, length, width], and how what follows it reads them."""


class Layers(Protocol):
    """Says which blocks are compared, and which state stands for a block."""

    def state(self, model: nn.Module, tokens: Tokens, block: int) -> Tensor:
        """Return the state [batch, length, width] that is compared for ``block``, counted from 0."""

    def pairs(self, student_layers: int, teacher_layers: int, wanted: int) -> tuple[tuple[int, int], ...]:
        """Return pairs (student block, teacher block)."""

    def compared(
        self, student: nn.Module, teacher: nn.Module, tokens: Tokens, wanted: int
    ) -> Sequence[tuple[Tensor, Tensor]]:
        """Return the two states [place, width] that the training compares for each of ``wanted`` pairs, the student's
        without any projection: its width is the teacher's. Both models read ``tokens``; there is no padding.
        """


def layer_indexing(layers: Layers) -> Verdict:
    """Judge every block of a tiny model of 4, the pairs of all depths from 1 to 32, and what is compared of two."""
    model = tiny.model(300, layers=4, width=WIDTH, seed=3).eval()
    ids = torch.arange(12).reshape(2, 6)
    tokens = Tokens(ids, torch.ones_like(ids))
    with torch.no_grad():
        true = _outputs(model, tokens)
        taken = [layers.state(model, tokens, block) for block in range(len(true))]
        embedding = model.get_input_embeddings()(ids)  # type: ignore[operator]
    right = [torch.equal(state, expected) for state, expected in zip(taken, true, strict=True)]
    faults = [] if all(right) else [f"{sum(right)} of {len(right)} blocks right"]
    faults += [f"block {i} is the embedding" for i, state in enumerate(taken) if torch.equal(state, embedding)]
    if not any(torch.equal(state, true[-1]) for state in taken):
        faults.append("the last block is never compared")
    wrong = [(s, t) for s in DEPTHS for t in DEPTHS if not all(_rises(layers.pairs(s, t, n), s, t) for n in PAIRS)]
    if wrong:
        faults.append(f"pairs wrong at {len(wrong)} of {len(DEPTHS) ** 2} depths, first {wrong[0]}")
    faults += [*_compared(layers, tokens)][:1]
    if not faults:
        faults += [*_streamed(layers, model, tokens, true)][:1]
    held = f"{sum(right)} of {len(right)} blocks right, pairs right at {len(DEPTHS) ** 2} depths and in the loss"
    says = ", ".join(faults) or held
    return Verdict(not faults, says, {"right": sum(right), "blocks": len(right), "wrong_depths": len(wrong)})


@torch.no_grad()
def _compared(layers: Layers, tokens: Tokens) -> Iterator[str]:
    """What is wrong with the states that are compared of a student of 3 and a teacher of 5 blocks, in words."""
    student, teacher = (tiny.model(300, layers=depth, width=WIDTH, seed=depth).eval() for depth in (3, 5))
    mine, theirs = ([state.flatten(0, 1) for state in _outputs(model, tokens)] for model in (student, teacher))
    hooks: list[int] = []
    for wanted in COMPARED:
        pairs = layers.pairs(len(mine), len(theirs), wanted)
        found = [
            (_block(left, mine), _block(right, theirs))
            for left, right in layers.compared(student, teacher, tokens, wanted)
        ]
        hooks.append(sum(len(module._forward_hooks) for model in (student, teacher) for module in model.modules()))
        if found != list(pairs):
            yield f"{_told(found)} compared, {_told(pairs)} are the pairs of 3 and 5 blocks"
    # transformers leaves some of its own, once
    if hooks[-1] > hooks[0]:
        yield f"{hooks[-1] - hooks[0]} hooks are left on the models"


@torch.no_grad()
def _streamed(layers: Layers, model: nn.Module, tokens: Tokens, true: list[Tensor]) -> Iterator[str]:
    """What is wrong with the states of blocks that hand on several streams, in words."""
    blocks = [*model.get_submodule("model.layers").children()]
    after = [*blocks[1:], model.get_submodule("model.norm")]
    for where, (arranged, read) in ARRANGED.items():

        def keep(_block: nn.Module, _inputs: object, output: Tensor, arranged: Arrange = arranged) -> Any:  # noqa: ANN401
            return arranged(torch.stack([share * output for share in STREAMS]))

        def one(_module: nn.Module, inputs: tuple[Tensor, ...], read: Arrange = read) -> tuple[Tensor, ...]:
            return (read(inputs[0]), *inputs[1:])

        hooks = [block.register_forward_hook(keep) for block in blocks]
        hooks += [module.register_forward_pre_hook(one) for module in after]
        try:
            for block, expected in enumerate(true):
                taken = layers.state(model, tokens, block)
                if taken.shape != expected.shape or not (taken - expected).norm() <= ROUNDING * expected.norm():
                    yield f"of streams {where} the state of block {block} is not the mean"
        finally:
            for hook in hooks:
                hook.remove()


def _block(state: Tensor, true: list[Tensor]) -> int | None:
    """The block whose output this is, at some of the places; None if it is no block's."""
    rows = {tuple(row) for row in state.tolist()}
    return next((i for i, of in enumerate(true) if rows and rows <= {tuple(row) for row in of.tolist()}), None)


def _told(pairs: Sequence[tuple[int | None, int | None]]) -> str:
    return " ".join("-".join("none" if block is None else str(block) for block in pair) for pair in pairs) or "nothing"


def _outputs(model: nn.Module, tokens: Tokens) -> list[Tensor]:
    """Every block's output, from hooks of this check's own."""
    seen: list[Tensor] = []
    blocks = model.get_submodule("model.layers")

    def see(_block: nn.Module, _inputs: object, output: Tensor | tuple[Tensor, ...]) -> None:
        seen.append(output[0] if isinstance(output, tuple) else output)

    hooks = [block.register_forward_hook(see) for block in blocks.children()]
    try:
        model(input_ids=tokens.input_ids, attention_mask=tokens.attention_mask, use_cache=False)
    finally:
        for hook in hooks:
            hook.remove()
    return seen


def _rises(pairs: tuple[tuple[int, int], ...], student: int, teacher: int) -> bool:
    if not pairs or pairs[-1] != (student - 1, teacher - 1) or min(pairs[0]) < 0:
        return False
    return all(a[0] < b[0] and a[1] < b[1] for a, b in pairwise(pairs))
