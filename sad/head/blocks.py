"""The loop of the vocabulary pass: blocks of rows for the products, a few rows of a block for what is element-wise."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from sad.batch import KD, LM
from sad.head import signals
from sad.head.linear import Head
from sad.head.products import Products, exact_halves, logits_into
from sad.head.target import Live, Target, TopK
from sad.losses import kd, lm
from sad.losses.kd import Buckets, Divergence
from sad.rows import Rows, Softmax, softmax

BLOCK, OTHERS = {"cpu": 11 * 2**20}, 2**27
"""Numbers of a block of logits, by the kind of device: enough rows for a product to run at full speed."""
PIECE = {"cpu": 2**18}
"""Numbers of a piece of a block that is worked on while it is in the cache; the whole block where there is none."""
LEAST_ROWS, MOST_ROWS = 128, 4096
"""Rows of a block: with fewer a product reads the whole weight for too little work."""

RowWeight = Callable[[Float[Tensor, " n"]], Float[Tensor, " n"]]
"""From the KD values of some rows, in nats, to their weights; both without a gradient."""


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


@dataclass(slots=True, eq=False)
class Job:
    """What a pass is asked for, and the signals that it found."""

    head: Head
    token: Int[Tensor, " target"] | None
    compared: Compared | None
    scales: Mapping[str, float] | None
    measure: bool
    signals: dict[str, Float[Tensor, ""]] = field(default_factory=dict)

    @property
    def terms(self) -> tuple[str, ...]:
        """The terms that are asked for; at least one, which then sums to zero."""
        asked = (KD,) if self.compared is not None else ()
        return (*asked, LM) if self.token is not None or not asked else asked


class Block(NamedTuple):
    """Some rows of the states; the first of them are rows ``boundaries`` of the target."""

    rows: Int[Tensor, " n"]
    boundaries: slice

    @property
    def compared(self) -> int:
        """How many of the rows are compared."""
        return int(self.boundaries.stop - self.boundaries.start)


def run(job: Job, products: Products) -> dict[str, Float[Tensor, ""]]:
    """Go through all rows; return the sum of each term."""
    return _Loop(job, products).run()


class _Loop:
    """The buffers and what was found so far."""

    def __init__(self, job: Job, products: Products) -> None:
        self.job, self.products = job, products
        self.device = products.hidden.device
        weight = job.head.weight
        self.columns = products.hidden.shape[1] if weight is None else weight.shape[0]
        if job.token is None and job.compared is not None:
            self.columns = min(self.columns, job.compared.tokens)
        numbers = BLOCK.get(self.device.type, OTHERS)
        self.size = min(MOST_ROWS, max(LEAST_ROWS, numbers // max(1, self.columns)))
        self.piece = max(1, PIECE.get(self.device.type, numbers) // max(1, self.columns))
        self.buffers: dict[str, Tensor] = {}
        self.values: dict[str, list[Tensor]] = {KD: [], LM: []}
        self.measured: dict[str, list[Tensor]] = {}

    def run(self) -> dict[str, Tensor]:
        for block in self._blocks():
            self._block(block)
        zero = torch.zeros(1, dtype=torch.float32, device=self.device)
        self.job.signals.update({name: torch.cat([zero, *each]).sum() for name, each in self.measured.items()})
        return {name: torch.cat([zero, *each]).sum() for name, each in self.values.items()}

    def _blocks(self) -> Iterator[Block]:
        """Cut the rows into blocks, those that are compared first."""
        job, none = self.job, torch.empty(0, dtype=torch.int64, device=self.device)
        at = none if job.compared is None else job.compared.at
        if job.measure and job.compared is not None:
            self.measured = {name: [] for name in signals.NAMES}
        for start in range(0, len(at), self.size):
            stop = min(start + self.size, len(at))
            yield Block(at[start:stop], slice(start, stop))
        if job.token is None:
            return
        # the others by a stable sort: to know which they are by a mask the host would have to wait
        taken = torch.zeros(len(job.token), dtype=torch.int64, device=self.device).index_fill_(0, at, 1)
        others = taken.argsort(stable=True)[: len(job.token) - len(at)]
        for start in range(0, len(others), self.size):
            yield Block(others[start : start + self.size], slice(0, 0))

    def _buffer(self, name: str, rows: int, columns: int) -> Tensor:
        if name not in self.buffers:
            self.buffers[name] = torch.empty(self.size, columns, dtype=torch.float32, device=self.device)
        return self.buffers[name][:rows]

    def _block(self, block: Block) -> None:
        job, products, count = self.job, self.products, len(block.rows)
        states = products.states(block.rows)
        with exact_halves(products.hidden, job.head.weight):
            logits = logits_into(self._buffer("student", count, self.columns), states, job.head)
        target = self._target(block)
        apart = KD in products.sums and LM in products.sums and block.compared
        of_kd = self._buffer("kd", block.compared, self.columns) if apart else None
        for start in range(0, count, self.piece):
            self._piece(block, slice(start, min(start + self.piece, count)), logits, target, of_kd)
        for name in products.sums:
            if name == KD and not block.compared:
                continue
            if name != KD or of_kd is None:
                products.add(name, block.rows, states, logits)
            elif of_kd is not None and job.compared is not None:
                products.add(
                    KD, block.rows[: block.compared], states[: block.compared], of_kd[:, : job.compared.tokens]
                )

    def _target(self, block: Block) -> Tensor | Buckets | None:
        """The teacher's raw logits, or its list, for the compared rows of a block."""
        compared = self.job.compared
        if compared is None or not block.compared:
            return None
        if isinstance(compared.target, TopK):
            return compared.target.buckets(block.boundaries, compared.divergence.temperature)
        of = compared.target
        out = self._buffer("teacher", block.compared, of.columns)
        states = of.hidden[block.boundaries].detach().float()
        with exact_halves(of.hidden, of.head.weight):
            return logits_into(out, states * of.head.scale if of.head.scale != 1.0 else states, of.head)

    def _piece(
        self, block: Block, span: slice, logits: Tensor, target: Tensor | Buckets | None, of_kd: Tensor | None
    ) -> None:
        """Values of some rows; then their logits are overwritten by the gradient."""
        job = self.job
        rows, mine = block.rows[span], self.job.head.capped(logits[span])
        token = None if job.token is None else job.token[rows]
        count = max(0, min(span.stop, block.compared) - span.start)
        plain = job.compared is not None and job.compared.divergence.temperature == 1.0
        soft = softmax(mine) if token is not None or (count and plain) else None
        found: list[tuple[str, Rows]] = []
        if count and job.compared is not None and target is not None:
            part = slice(span.start, span.start + count)
            some = target.part(part) if isinstance(target, Buckets) else target[part]
            found.append(
                (KD, self._compare(job.compared, mine[:count], some, soft, None if token is None else token[:count]))
            )
        if token is not None:
            found.append((LM, lm.rows(mine, token, soft)))
        for name, each in found:
            self.values[name].append(each.values)
        if not self.products.sums:
            return
        slope = job.head.slope(mine)
        if of_kd is not None and count:
            self._into(of_kd[span.start : span.start + count], found[:1], None if slope is None else slope[:count])
            found = found[1:]
        self._into(logits[span], found, slope)

    def _compare(
        self, compared: Compared, mine: Tensor, target: Tensor | Buckets, soft: Softmax | None, token: Tensor | None
    ) -> Rows:
        """Measure and compare some rows over the student's real tokens."""
        divergence, tokens = compared.divergence, compared.tokens
        if tokens < mine.shape[1]:
            mine = mine[:, :tokens].contiguous()
            soft = None if soft is None else _real(Softmax(soft.q[: len(mine)], soft.log_sum[: len(mine)]), mine)
        elif soft is not None:
            soft = Softmax(soft.q[: len(mine)], soft.log_sum[: len(mine)])
        if isinstance(compared.target, Live):
            assert isinstance(target, Tensor), "a teacher gives logits"
            raw = compared.target.head.capped(target)
            if self.job.measure:
                self._measure(mine, compared.target.vocab.scores(raw), token, compared.target.vocab.mass(raw))
            target = compared.target.vocab.scores(raw, divergence.temperature)
        elif self.job.measure:
            self._measure(mine, target, token, torch.ones_like(mine[:, 0]))
        found = kd.rows(mine, target, divergence, soft if divergence.temperature == 1.0 else None)
        if compared.row_weight is not None:
            weight = compared.row_weight(found.values)
            found = Rows(found.values * weight, found.gradient.mul_(weight[:, None]))
        return found

    def _measure(self, mine: Tensor, target: Tensor | Buckets, token: Tensor | None, mapped: Tensor) -> None:
        told = signals.measured(mine, target, token)
        for name, each in (told | {signals.MAPPED: mapped}).items():
            self.measured[name].append(each)

    def _into(self, out: Tensor, found: list[tuple[str, Rows]], slope: Tensor | None) -> None:
        """Write the gradient of some terms, each at its scale, through the soft-cap; the last one has every column."""
        scales, written = self.job.scales, False
        for name, each in reversed(found):
            factor = 1.0 if scales is None else scales[name]
            into = out[: len(each.gradient), : each.gradient.shape[1]]
            if written:
                into.add_(each.gradient, alpha=factor)
                continue
            if into.shape != out.shape:
                out.zero_()
            written = True
            torch.mul(each.gradient, factor, out=into)
        if slope is not None:
            out.mul_(slope)


LEAST = 1e-3
"""Mass of the real tokens from which their softmax is as exact as one of their own."""


def _real(soft: Softmax, mine: Tensor) -> Softmax | None:
    """The softmax over the first tokens alone, from the one over all; None where too little mass is theirs."""
    q = soft.q[:, : mine.shape[1]]
    mass = q.sum(dim=-1, keepdim=True)
    if mine.device.type != "cpu" or not bool((mass > LEAST).all()):
        return None
    return Softmax(q / mass, soft.log_sum + mass.log())
