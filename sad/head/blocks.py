"""The loop of the vocabulary pass: matrix products on blocks of rows, element-wise work on a few rows of a block."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from sad.batch import ALM, KD, LM
from sad.head import fused, lists, signals
from sad.head.column import Column
from sad.head.job import Block, Compared, Job
from sad.head.products import Factor, Products
from sad.head.slopes import Slopes, lines
from sad.head.target import Live
from sad.losses import kd, lm
from sad.losses.kd import Buckets, Divergence
from sad.rows import Rows, Softmax, softmax

BLOCK = {"cpu": 11 * 2**20}
"""Numbers of a block of logits, by the kind of device: enough rows for a product to run at full speed."""
OTHERS = 3 * 2**25
"""The same of one model on other devices, where tensors as large as its block lie beside it."""
LOGITS, SLOPES = 2**29, 2**29
"""Bytes of both models' logits, and of their gradients, where one kernel does the rest: nothing else is stored."""
PIECE = {"cpu": 2**18}
"""Numbers of a piece of a block, small enough for the processor's cache; elsewhere the whole block is one piece."""
FEWEST = 3
"""Rows of a piece: with fewer the calls themselves cost more than the cache saves."""
FUSED = {"cuda"}
"""Devices on which one fused kernel computes the element-wise part."""
BOTH = "both"
"""The name of the one sum for all terms, each at its scale."""
LEAST_ROWS, MOST_ROWS = 128, {"cpu": 512}
"""Rows of a block: with fewer a product reads the whole weight for too little work, with more it is no faster."""
TILE = 128
"""Rows that a GPU's products are cut by."""


class Found(NamedTuple):
    """A term at some rows, and what its gradient is to be multiplied by, row by row."""

    name: str
    rows: Rows
    factor: Float[Tensor, "n 1"] | None = None


def run(job: Job, products: Products) -> dict[str, Float[Tensor, ""]]:
    """Go through all rows; return the sum of each term."""
    return _Loop(job, products).run()


def portions(kind: str, columns: int) -> tuple[int, int]:
    """Return how many rows of so many columns are a block, and a piece of it, on a kind of device."""
    numbers, columns = BLOCK.get(kind, OTHERS), max(1, columns)
    size = min(MOST_ROWS.get(kind, numbers), max(LEAST_ROWS, numbers // columns))
    return size, max(FEWEST, PIECE.get(kind, numbers) // columns)


def fused_portions(columns: int, theirs: int, width: int) -> tuple[int, int]:
    """Return how many rows of both models are a block for the kernel, and of how many the gradients are kept.

    ``columns`` and ``theirs`` are the tokens of both models, ``width`` the bytes of a number of the gradient.
    """
    size = max(LEAST_ROWS, LOGITS // (4 * max(1, columns + theirs)))
    size -= size % TILE if size > TILE else 0
    return size, max(1, SLOPES // (width * max(1, columns)) // size) * size


class _Loop:
    """The buffers and what was found so far."""

    def __init__(self, job: Job, products: Products) -> None:
        self.job, self.products = job, products
        self.device, self.hidden_rows = products.hidden.device, products.hidden.shape[0]
        weight = job.head.weight
        self.columns = products.hidden.shape[1] if weight is None else weight.shape[0]
        if job.token is None and job.compared is not None:
            self.columns = min(self.columns, job.compared.tokens)
        self.teacher: Factor | None = None
        self.fused = self.device.type in FUSED and fused.installed() and job.simple and len(products.sums) < 2
        self.size, self.piece = portions(self.device.type, self.columns)
        self.slopes: Slopes | None = None
        if self.fused:
            live = job.compared.target if job.compared is not None else None
            theirs = live.columns if isinstance(live, Live) else 0
            self.size, kept = fused_portions(self.columns, theirs, products.factor.dtype.itemsize)
            if products.sums:
                self.slopes = Slopes(products, min(kept, self.hidden_rows), self.columns)
        self.buffers: dict[str, Tensor] = {}
        self.values = {name: Column(self.hidden_rows, self.device) for name in (KD, LM)}
        measured = signals.NAMES if job.measure else ()
        self.measured = {name: Column(self.hidden_rows, self.device) for name in measured}

    def run(self) -> dict[str, Tensor]:
        for block in self._blocks():
            self._block(block)
        if self.slopes is not None:
            self.slopes.flush()
        self.products.finish()
        self.job.signals.update({name: each.sum() for name, each in self.measured.items()})
        alm = torch.zeros((), device=self.device)
        if self.job.chunks is not None:
            alm += self.job.chunks.value
        return {name: each.sum() for name, each in self.values.items()} | {ALM: alm}

    def _blocks(self) -> Iterator[Block]:
        """Cut the rows into blocks, those that are compared first."""
        job, none = self.job, torch.empty(0, dtype=torch.int64, device=self.device)
        at = none if job.compared is None else job.compared.at
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
            self.buffers[name] = lines(min(self.size, self.hidden_rows), columns, torch.float32, self.device)
        return self.buffers[name][:rows]

    def _block(self, block: Block) -> None:
        job, products, count = self.job, self.products, len(block.rows)
        states = products.states(block.rows)
        with products.factor.multiplying():
            logits = products.factor.into(self._buffer("student", count, self.columns), states)
        teacher = self._teacher(block)
        if self.fused:
            self._fuse(block, logits, teacher)
            return
        # the last sum is formed in the place of the logits
        names = [name for name in products.sums if name != KD or block.compared]
        outs = {name: self._buffer(name, count, self.columns) for name in names[:-1]}
        outs |= {name: logits for name in names[-1:]}
        for start in range(0, count, self.piece):
            span = slice(start, min(start + self.piece, count))
            found = self._piece(block, span, logits[span], teacher)
            if not outs:
                continue
            slope = job.head.slope(logits[span])
            for name, out in outs.items():
                self._into(out[span], [each for each in found if name in (each.name, BOTH)], slope)
        for name, out in outs.items():
            last = block.compared if name == KD else count
            products.add(name, block.rows[:last], states[:last], out[:last])

    def _fuse(self, block: Block, logits: Tensor, teacher: Tensor | None) -> None:
        """The element-wise part of a block in one kernel, with its gradient in the type that is multiplied."""
        job = self.job
        scales = job.scales or dict.fromkeys(job.terms, 1.0)
        divergence = Divergence() if job.compared is None else job.compared.divergence
        label = factor = None
        out = None if self.slopes is None else self.slopes.next(block.rows)
        if job.token is not None:
            label = job.token[block.rows]
            factor = torch.full((len(label),), scales[LM], dtype=torch.float32, device=self.device)
            if job.chunks is not None:
                factor += scales[ALM] * job.chunks.weight[block.rows]
        of, tokens, kd_scale = job.compared, self.columns, scales.get(KD, 0.0)
        if of is not None and block.compared and not isinstance(of.target, Live):
            listed = of.target.block(block.boundaries, divergence.temperature)
            how = (of.tokens, divergence, kd_scale, label, factor, out, of.row_weight)
            kd_values, lm_values = lists.listed_rows(logits, listed, job.head, *how)
        else:
            tokens = tokens if of is None else of.tokens
            heads = (job.head, of.target.head if of is not None and isinstance(of.target, Live) else job.head)
            rest = (tokens, divergence, kd_scale, label, factor, out)
            kd_values, lm_values = fused.fused_rows(logits, teacher, heads, *rest)
        self.values[KD].append(kd_values)
        self.values[LM].append(lm_values if label is not None else lm_values[:0])

    def _teacher(self, block: Block) -> Tensor | None:
        """The teacher's raw logits for the compared rows of a block; None where it is a list, or nothing is asked."""
        compared = self.job.compared
        if compared is None or not block.compared or not isinstance(compared.target, Live):
            return None
        of = compared.target
        out = self._buffer("teacher", block.compared, of.columns)
        if self.teacher is None:
            self.teacher = Factor(of.hidden, of.head, self.products.operands)
        with self.teacher.multiplying():
            return self.teacher.into(out, of.hidden[block.boundaries].to(self.teacher.dtype))

    def _piece(self, block: Block, span: slice, logits: Tensor, teacher: Tensor | None) -> list[Found]:
        """Compute each term at some rows; the products become logits."""
        job = self.job
        rows, mine = block.rows[span], job.head.finished(logits)
        token = None if job.token is None else job.token[rows]
        count = max(0, min(span.stop, block.compared) - span.start)
        soft = None if token is None else softmax(mine)
        found = list[Found]()
        if count:
            assert job.compared is not None, "nothing else counts the compared rows"
            first = block.boundaries.start + span.start
            part = slice(first, first + count)
            raw = None if teacher is None else teacher[span.start : span.start + count]
            label = None if token is None else token[:count]
            found.append(Found(KD, self._compare(job.compared, part, mine[:count], raw, soft, label)))
        if token is not None:
            labels = lm.rows(mine, token, soft)
            found.append(Found(LM, labels))
            if job.chunks is not None:
                # the same gradient, each row times its own factor
                found.append(Found(ALM, Rows(labels.values[:0], labels.gradient), job.chunks.weight[rows, None]))
        for each in found:
            if each.name != ALM:
                self.values[each.name].append(each.rows.values)
        return found

    def _compare(
        self,
        compared: Compared,
        part: slice,
        mine: Tensor,
        raw: Tensor | None,
        soft: Softmax | None,
        token: Tensor | None,
    ) -> Rows:
        """Compare some rows over the student's real tokens with rows ``part`` of the target; ``raw`` are its logits."""
        divergence, tokens, of, silent = compared.divergence, compared.tokens, compared.target, None
        target: Tensor | Buckets
        if tokens < mine.shape[1]:
            mine = mine[:, :tokens].contiguous()
            soft = None if soft is None else _real(Softmax(soft.q[: len(mine)], soft.log_sum[: len(mine)]), mine)
        elif soft is not None:
            soft = Softmax(soft.q[: len(mine)], soft.log_sum[: len(mine)])
        if raw is not None and isinstance(of, Live):
            raw = of.head.finished(raw)
            if self.job.measure:
                self._measure(mine, of.vocab.scores(raw), token, of.vocab.mass(raw))
            scores = of.vocab.scores(raw, divergence.temperature)
            # with one tokenizer a teacher that says nothing has a fault
            silent, target = None if of.vocab.identity else kd.silence(scores), scores
        else:
            if self.job.measure:
                self._measure(mine, of.block(part, 1.0), token, of.mapped(part))
            target = of.block(part, divergence.temperature)
        found = kd.rows(mine, target, divergence, soft if divergence.temperature == 1.0 else None, silent)
        if compared.row_weight is not None:
            found.gradient.mul_(compared.row_weight(found.values)[:, None])
        return found

    def _measure(self, mine: Tensor, target: Tensor | Buckets, token: Tensor | None, mapped: Tensor) -> None:
        told = signals.measured(mine, target, token)
        for name, each in (told | {signals.MAPPED: mapped}).items():
            self.measured[name].append(each)

    def _into(self, out: Tensor, found: list[Found], slope: Tensor | float) -> None:
        """Write the gradient of some terms to the products, each at its scale."""
        scales, written = self.job.scales, False
        labels = [each for each in found if each.name != KD]
        if labels:
            # one gradient, for LM and chunk likelihood
            factor: float | Tensor = 0.0
            for each in labels:
                scale = 1.0 if scales is None else scales[each.name]
                factor = factor + (scale if each.factor is None else scale * each.factor)
            torch.mul(labels[0].rows.gradient, factor, out=out)
            written = True
        for each in (each for each in found if each.name == KD):
            gradient, scale = each.rows.gradient, 1.0 if scales is None else scales[KD]
            into = out[: len(gradient), : gradient.shape[1]]
            if written:
                into.add_(gradient, alpha=scale)
                continue
            if into.shape != out.shape:
                out.zero_()
            torch.mul(gradient, scale, out=into)
        if not isinstance(slope, float) or slope != 1.0:
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
