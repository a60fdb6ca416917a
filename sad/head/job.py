"""What a pass over the vocabulary is to compute, and one block of its rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from jaxtyping import Float, Int
from torch import Tensor

from sad.batch import ALM, KD, LM
from sad.head.linear import Head
from sad.head.target import Live, Target
from sad.losses.kd import Divergence

RowWeight = Callable[[Float[Tensor, " n"]], Float[Tensor, " n"]]
"""From the KD values of some rows, in nats, to the weights of their gradients; the values stay as they are, so that the
loss of a step is the plain one. Both without a gradient."""


@dataclass(frozen=True, slots=True, eq=False)
class Compared:
    """The rows that KD compares: row ``at[k]`` of the states with row ``k`` of ``target``; no row comes twice.

    ``tokens`` is the number of the student's real tokens: rows of the head beyond it are padding and are not compared.
    """

    target: Target
    at: Int[Tensor, " boundary"]
    tokens: int
    divergence: Divergence = field(default_factory=Divergence)
    row_weight: RowWeight | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Chunks:
    """The chunk likelihood, computed before (:mod:`sad.losses.alm`): its summed ``value``, and for each row minus its
    derivative by the label's log-likelihood. Its gradient is that of LM, each row times its ``weight``.
    """

    value: Float[Tensor, ""]
    weight: Float[Tensor, " target"]


@dataclass(slots=True, eq=False)
class Job:
    """What a pass is to compute, and the signals that it measured."""

    head: Head
    token: Int[Tensor, " target"] | None
    compared: Compared | None
    chunks: Chunks | None
    scales: Mapping[str, float] | None
    measure: bool
    signals: dict[str, Float[Tensor, ""]] = field(default_factory=dict)

    @property
    def terms(self) -> tuple[str, ...]:
        """The terms that are asked for; at least one, which then sums to zero."""
        asked = {KD: self.compared, LM: self.token, ALM: self.chunks}
        return tuple(name for name, of in asked.items() if of is not None) or (LM,)

    @property
    def simple(self) -> bool:
        """Whether kernels can compute it: lists of tokens, or one tokenizer and no weights that depend on values."""
        if self.measure or self.compared is None:
            return not self.measure
        target = self.compared.target
        return not isinstance(target, Live) or (target.vocab.identity and self.compared.row_weight is None)


class Block(NamedTuple):
    """Some rows of the states; the first of them are rows ``boundaries`` of the target."""

    rows: Int[Tensor, " n"]
    boundaries: slice

    @property
    def compared(self) -> int:
        """How many of the rows are compared."""
        return int(self.boundaries.stop - self.boundaries.start)
