"""Evaluators of one long stream of ids, which they cut into windows themselves: `testenc.input_ids`, a stride.

The model is a table, so that what a token costs depends on the one before it alone: windows that overlap give the same.
"""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from sad.invariants.modes_restored import Passes, modes_restored
from sad.invariants.token_weighted import TOLERANCE
from sad.judge.dicts import Batch, Output
from sad.judge.evaluators.call import Call
from sad.judge.evaluators.names import MODELS, READS
from sad.judge.evaluators.numbers import ASIDE, numbers
from sad.judge.evaluators.texts import TOKENIZERS, tokenizer
from sad.judge.judging import Code, reached, source
from sad.judge.stand_in import ids_of
from sad.subjects.text_loss import IGNORED
from sad.verdict import Cause, Standing, Verdict

STREAMS = ("testenc", "test_enc", "encodings", "encoding", "enc", "testdata", "test_ids", "token_ids", "tokens")
WINDOWS = (
    "seqlen",
    "seq_len",
    "max_length",
    "max_len",
    "block_size",
    *("context_length", "ctx_length", "context_len", "ctx_len", "context_size", "ctx_size"),
    *("window", "window_size", "n_ctx"),
)
STRINGS = ("text", "dataset_text", "corpus_text", "full_text", "raw_text", "test_text", "eval_text", "document")
"""The names of a parameter that is one long string, which its tokenizer reads as the stream."""
SIZES = ("bs", "batch_size", "eval_batch_size", "nbatches")
LENGTH, WINDOWS_READ, WORDS = 16, 9, 24
"""Tokens of a window, where the source fixes none; full windows of the stream, whose last is not full; words."""
FIXED = re.compile(
    r"\b(stride|seq_?len|max_len(?:gth)?|block_size|window_size|context_length|n_ctx)[\w, ]*=\s*(\d{2,4})\b"
)
"""Where a source fixes the tokens of a window, or how far one is from the next."""
JOINED = re.compile(r"\.join\(|\.read\(|\.read_text\(")
"""Where a source makes one text of all that it reads."""
PIECE = 20
"""Words of an example of a data set that is read."""
LEFT = re.compile(r"\.eval\(|\.train\(|no_grad|inference_mode|set_grad_enabled")
"""Where a source speaks of modes or of gradients: one that does not leaves both to its caller."""
NEAR = 0.01
"""Relative: what an estimate of the labels of the first window is off by."""


class Table(nn.Module):
    """Logits after a token are its row of a table; it has dropout, and one weight."""

    def __init__(self, window: int = LENGTH) -> None:
        super().__init__()
        self.__dict__["table"] = 2 * torch.randn(WORDS, WORDS, generator=torch.Generator().manual_seed(5))
        self.norm, self.drop = nn.Identity(), nn.Dropout(0.5)
        self.scale = nn.Parameter(torch.ones(()))
        lengths = dict.fromkeys(("max_position_embeddings", "n_positions", "max_length", "max_sequence_length"), window)
        self.config = Batch(vocab_size=WORDS, hidden_size=8, use_cache=False, model_type="table", **lengths)
        self.seqlen = window
        self.device, self.dtype = torch.device("cpu"), torch.float32

    def forward(self, input_ids: Tensor | None = None, *_: Any, labels: Tensor | None = None, **more: Any) -> Output:  # noqa: ANN401 - whatever models take
        """Return an output with logits [batch, length, vocab], and the mean loss of labels where there are some."""
        logits = self.drop(self.norm(self.__dict__["table"][ids_of(input_ids, more)])) * self.scale
        if labels is None:
            return Output(logits=logits)
        loss = F.cross_entropy(logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten(), ignore_index=IGNORED)
        return Output(loss=loss, logits=logits)


def size_of(window: int) -> int:
    """Return the tokens of a stream for windows of so many."""
    return WINDOWS_READ * window + 3 * window // 8


@cache
def ids(window: int = LENGTH) -> Int[Tensor, "1 token"]:
    """Return the stream: each token is likely after the one before it, but in the last window, which is not full."""
    table, noise = Table().__dict__["table"], torch.Generator().manual_seed(6)
    found = [3]
    size = size_of(window)
    while len(found) < size:
        row = table[found[-1]]
        last = len(found) > size - size % window
        likely = torch.multinomial((-2 * row if last else row).softmax(-1), 1, generator=noise)
        found.append(int(likely))
    return torch.tensor([found])


@cache
def costs(window: int = LENGTH) -> Float[Tensor, " label"]:
    """Return the nats of each token but the first."""
    stream = ids(window)[0]
    return F.cross_entropy(Table().__dict__["table"][stream[:-1]].double(), stream[1:], reduction="none")


def rights(window: int = LENGTH) -> Mapping[str, float]:
    """Return the mean loss of the labels that an evaluator may score, by what they are."""
    size = size_of(window)
    cost, places = costs(window), torch.arange(1, size)
    inside, full = places % window != 0, places < size - size % window
    return {
        "every token but the first": float(cost.mean()),
        "every token but the first of each window": float(cost[inside].mean()),
        "every token but the first of each full window": float(cost[inside & full].mean()),
        "every token of the full windows but the first": float(cost[full].mean()),
    }


@dataclass(frozen=True, slots=True)
class Streamed:
    """An evaluator of a stream. ``plain`` is whether it is given the ids themselves, not an object that has them."""

    call: Call
    plain: bool = False

    @property
    def window(self) -> int:
        """Tokens of a window: what its source fixes, twice that where it fixes how far apart they are."""
        fixed = [(name, int(number)) for name, number in FIXED.findall(source(self.call.code))]
        taken = self.call.names()
        lengths = [2 * number if name == "stride" else number for name, number in fixed if name not in taken]
        return max(lengths, default=LENGTH)

    def table(self) -> Table:
        """Return a model that reads so many."""
        return Table(self.window)

    def of(self, model: nn.Module, size: int | None = None) -> dict[str, float]:
        """Evaluate a model, in batches of ``size`` windows where it takes one. Raises whatever the code raises."""
        window = self.window
        stream = ids(window)
        given = stream if self.plain else Batch(input_ids=stream, attention_mask=torch.ones_like(stream))
        words = [f"t{one}" for one in stream[0].tolist()]
        values: dict[str, Any] = {
            **dict.fromkeys(MODELS, model),
            **dict.fromkeys(STREAMS, given),
            **dict.fromkeys(WINDOWS, window),
            "stride": window // 2,
            **dict.fromkeys(STRINGS, " ".join(words)),
            READS: [" ".join(words[at : at + PIECE]) for at in range(0, len(words), PIECE)],
            **(dict.fromkeys(TOKENIZERS, tokenizer(WORDS, size_of(window))) if self.written else {}),
        }
        values |= {} if size is None else dict.fromkeys(SIZES, size)
        return {name: one for name, one in numbers(self.call.called(values)).items() if not ASIDE.search(name.lower())}

    @property
    def written(self) -> bool:
        """Whether it takes the stream as a string, or reads it itself."""
        return bool(self.call.names() & {*STRINGS}) or self.call.reads

    @property
    def sized(self) -> bool:
        """Whether it takes a number of windows for a batch."""
        return bool(self.call.names() & {*SIZES})


def is_one(call: Call) -> bool:
    """Whether an evaluator takes a stream of ids beside a model, and nothing that it goes through in batches."""
    names = call.names(free=True)
    if call.reads and JOINED.search(_all_reached(call.code)):
        return True
    if not names & {*MODELS}:
        return False
    return bool(call.names() & {*STREAMS}) or (bool(call.names() & {*STRINGS}) and bool(names & {*TOKENIZERS}))


def _all_reached(code: Code) -> str:
    """The source of code, with that of the functions that it names, also those of its program's other files."""
    text = reached(code)
    beside = getattr(inspect.unwrap(code.target), "__globals__", {})
    other = [one for name, one in beside.items() if inspect.isfunction(one) and re.search(rf"\b{name}\(", text)]
    return "\n".join([text, *(reached(Code(one)) for one in other if "-packages" not in one.__code__.co_filename)])


def found(call: Call) -> tuple[str, list[str], dict[str, Callable[[], Verdict]]]:
    """Return what it was found to be, how it is called, and what is asked of it. Raises what it raises."""
    try:
        of = Streamed(call)
        of.of(of.table().eval(), 1)
    except (AttributeError, TypeError, KeyError):
        of = Streamed(call, plain=True)
        of.of(of.table().eval(), 1)
    form = " as a string" if of.written else "" if of.plain else " as input_ids"
    form = " in the data that it reads" if call.reads else form
    said = [f"it is given one stream of {size_of(of.window)} ids{form}, and windows of {of.window}"]
    said.append("the model's loss of a token depends on the token before it alone")
    checks = {
        "can_be_called": lambda: _called(of),
        "model_untouched": lambda: _untouched(of),
        "batch_split": lambda: _split(of),
        "token_weighted": lambda: _weighted(of),
        "modes_restored": lambda: _modes(of),
    }
    return "an evaluator of a stream of ids", said, checks


def _called(of: Streamed) -> Verdict:
    first, again = (of.of(of.table().eval(), 1) for _ in range(2))
    bad = next((name for name, value in first.items() if not math.isfinite(value)), None)
    if bad is not None:
        return Verdict(False, f"{bad} is {first[bad]:g} for an ordinary model")
    if first != again:
        return Verdict(False, "the same model twice: other numbers")
    return Verdict(True, ", ".join(f"{name} {value:.4g}" for name, value in first.items()), first)


def _untouched(of: Streamed) -> Verdict:
    model = of.table().eval()
    model.scale.grad = torch.ones(())
    of.of(model, 1)
    if float(model.scale.detach()) != 1.0 or model.scale.grad is None or float(model.scale.grad) != 1.0:
        return Verdict(False, "a weight of 1, or its gradient of 1, is another afterwards")
    return Verdict(True, "weights and gradients are what they were")


def _split(of: Streamed) -> Verdict:
    if not of.sized:
        return Verdict(True, "it takes no batch size", standing=Standing.NOT_APPLICABLE)
    whole = of.of(of.table().eval(), 1)
    for size in (2, 4, 9):
        for name, value in of.of(of.table().eval(), size).items():
            if not abs(value - whole[name]) <= TOLERANCE * abs(whole[name]):
                says = f"{name} {whole[name]:.4g} in batches of one window, {value:.4g} in batches of {size}"
                return Verdict(
                    False,
                    says,
                    {"whole": whole[name], "split": value},
                    example=f"{WINDOWS_READ} windows of {of.window}",
                )
    return Verdict(True, "the same in batches of 1, 2, 4 and 9 windows")


def _weighted(of: Streamed) -> Verdict:
    told, right = of.of(of.table().eval(), 1), rights(of.window)
    wanted = {what: (value, math.exp(value)) for what, value in right.items()}
    near = Verdict(True, "none of its numbers is one that is known", standing=Standing.NOT_APPLICABLE)
    for name, value in told.items():
        for what, both in wanted.items():
            if any(abs(value - one) <= TOLERANCE * one for one in both):
                return Verdict(True, f"{name} {value:.4g} is that of {what}", {"got": value})
        loss, perplexity = wanted["every token but the first"]
        if any(abs(value - one) <= NEAR * one for pair in wanted.values() for one in pair):
            says = f"{name} {value:.4g}, right {perplexity if value > 2 * loss else loss:.4g}"
            says += ": the first token of a window, which nothing predicts, counts as if it had a label"
            return Verdict(True, says, {"got": value}, standing=Standing.ALLOWED)
        called = (
            "ppl" in name.lower() or "perplex" in name.lower() or "ppl" in of.call.name or "perplex" in of.call.name
        )
        aim = perplexity if called else loss
        near = Verdict(
            False, f"{name} {value:.4g}, right {aim:.4g} over {next(iter(right))}", {"got": value, "right": aim}
        )
    return near


def _modes(of: Streamed) -> Verdict:
    model = of.table()

    def evaluation() -> Tensor:
        return torch.tensor(list(of.of(model, 1).values()))

    text = source(of.call.code)
    verdict = modes_restored(Passes(model, {"an evaluation": evaluation}, lambda: model(ids(of.window)).logits))
    if not verdict.holds and not LEFT.search(text):
        says = "modes and gradients are left to whoever calls it: give it a model in eval(), under torch.no_grad()"
        return Verdict(True, says, verdict.numbers, standing=Standing.ALLOWED)
    if verdict.holds or verdict.cause is None:
        return verdict
    why = {
        Cause.MODES: "call train() before the next step",
        Cause.GRAPH: "call it under torch.no_grad(), or it costs memory",
    }
    return Verdict(True, f"{verdict.says}: {why[verdict.cause]}", verdict.numbers, standing=Standing.ALLOWED)
