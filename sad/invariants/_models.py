"""Models that make faults show: sharpened, in float64, with and without absolute positions; and one that is a table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from itertools import accumulate
from types import SimpleNamespace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

VOCABULARY = 48
WIDTH = 16
SHARP = 20.0
"""Multiplies the weights of attention. A random model hardly attends to anything in particular, and hides leaks."""
PEAKED = 40.0
"""Multiplies the head, so that predictions are not flat."""


@cache
def llama(seed: int = 7) -> nn.Module:
    """Return a Llama of 2 layers: it knows positions by their distance only. Not to be changed."""
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=WIDTH,
        intermediate_size=2 * WIDTH,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=128,
        tie_word_embeddings=False,
        bos_token_id=None,
        eos_token_id=None,
        attn_implementation="sdpa",
    )
    return _sharpened(LlamaForCausalLM, config, seed)


@cache
def gpt2() -> nn.Module:
    """Return a GPT-2 of 2 layers: it knows positions by their number. Not to be changed."""
    from transformers import GPT2Config, GPT2LMHeadModel

    config = GPT2Config(
        vocab_size=VOCABULARY,
        n_embd=WIDTH,
        n_layer=2,
        n_head=2,
        n_positions=128,
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        tie_word_embeddings=False,
        bos_token_id=None,
        eos_token_id=None,
        attn_implementation="sdpa",
    )
    return _sharpened(GPT2LMHeadModel, config, 7)


@cache
def teacher() -> nn.Module:
    """Return another Llama, frozen and in evaluation mode."""
    return llama(seed=8).eval().requires_grad_(False)


def other_reading(ids: Sequence[int]) -> list[int]:
    """Return how a teacher's tokenizer reads a text: two tokens for some of the student's, in the same vocabulary."""
    return [token for one in ids for token in _pieces(one)]


def other_ends(ids: Sequence[int]) -> list[int]:
    """Return the place in :func:`other_reading` at which each of the student's tokens ends."""
    return [end - 1 for end in accumulate(len(_pieces(one)) for one in ids)]


def _pieces(token: int) -> tuple[int, ...]:
    return ((token + 5) % VOCABULARY, token) if token % 3 else (token,)


class Table(nn.Module):
    """A causal LM whose logits are a row of a table, that of the token it reads: what stands before is nothing to it.

    Called like a model of transformers. The gradient of its table tells which token is taught to follow which.
    """

    def __init__(self, table: Tensor) -> None:
        super().__init__()
        size = len(table)
        self.rows = nn.Embedding(size, size, _weight=table.clone())
        self.head = nn.Linear(size, size, bias=False, dtype=table.dtype)
        with torch.no_grad():
            self.head.weight.copy_(torch.eye(size))
        self.head.weight.requires_grad_(False)
        self.config = SimpleNamespace(num_hidden_layers=0, hidden_size=size, vocab_size=size)
        self.base_model = _Body(self.rows)

    def get_output_embeddings(self) -> nn.Module:
        """Return the head, which changes nothing."""
        return self.head

    def forward(self, input_ids: Tensor, labels: Tensor | None = None, **_: Any) -> SimpleNamespace:  # noqa: ANN401
        """Return the logits, and the loss of labels where there are some."""
        logits = self.head(self.rows(input_ids))
        loss = None
        if labels is not None:
            loss = F.cross_entropy(logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten())
        return SimpleNamespace(logits=logits, loss=loss)


def drawn(model: Table, loss: Callable[[], object]) -> Tensor | str:
    """Return how far each prediction of a table is drawn up, [token read, token], or what went wrong, in words.

    It is the gradient of a loss of this table, taken from the largest of its row: in the row of a token read it is one
    number, but for the tokens that are to be predicted from it, where it is lower.
    """
    try:
        value = loss()
        if not isinstance(value, Tensor):
            return f"the loss is {value}"
        value.backward()  # type: ignore[no-untyped-call]
    except Exception as error:
        # whatever it raises is what the user would see
        return (str(error) or type(error).__name__).splitlines()[0]
    gradient = model.rows.weight.grad
    return "the loss teaches nothing" if gradient is None else gradient.amax(dim=1, keepdim=True) - gradient


class _Body(nn.Module):
    def __init__(self, rows: nn.Embedding) -> None:
        super().__init__()
        self.rows = rows

    def forward(self, input_ids: Tensor, **_: Any) -> SimpleNamespace:  # noqa: ANN401
        return SimpleNamespace(last_hidden_state=self.rows(input_ids))


def _sharpened(kind: Any, config: Any, seed: int) -> nn.Module:  # noqa: ANN401 - transformers' classes
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        made: nn.Module = kind(config).double()
    with torch.no_grad():
        for name, weight in made.named_parameters():
            if weight.dim() < 2:
                continue
            weight.mul_(PEAKED if name == "lm_head.weight" else SHARP)
    return made
