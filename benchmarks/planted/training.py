"""A distillation in a hundred lines, whose every part a fault can override, and the record of it."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from random import Random
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from planted.model import Tiny, trained_teacher
from planted.record import Plan, Record, Row, Stopped, Trace
from sad_doctor import names


class Training:
    """A healthy run. A fault is a subclass that overrides one method.

    ``traces`` are in order: the first whose needs a log meets says what the doctor should name; a fault without one is
    invisible in that log. ``took`` says whether the fault had any effect in this very run, from its whole record.
    """

    traces: ClassVar[tuple[Trace, ...]] = ()
    sick: ClassVar[bool] = False

    def __init__(self, plan: Plan) -> None:
        self.luck = Random(f"{type(self).__name__} {plan.seed}")
        self.plan = self.planned(plan)
        plan = self.plan
        spoken = plan.spoken or plan.vocabulary
        teacher, self.language = self.school(plan, spoken)
        torch.manual_seed(plan.seed)
        self.random = torch.Generator().manual_seed(1000 + plan.seed)
        self.teacher = copy.deepcopy(teacher)
        self.student = Tiny(plan.vocabulary, plan.width, 2, 4, plan.length, plan.dropout)
        self.projector = nn.Linear(plan.width, plan.teacher_width)
        self.data: Tensor = self.language.texts(plan.texts, plan.length + 1, self.random)
        self.held_out: Tensor = self.language.texts(48, plan.length + 1, torch.Generator().manual_seed(7 + plan.seed))
        self.record = Record(plan)
        self.clock = 0.0
        self.memory = 2.0e9
        self.order: list[int] = []
        self.seen = 0
        self.window: list[Row] = []
        self.prepare()
        self.optimizer = self.make_optimizer()

    @staticmethod
    def took(_record: Record, /) -> bool:
        return True

    def school(self, plan: Plan, spoken: int) -> tuple[Tiny, Any]:
        """Return the teacher, and what makes the texts that it knows."""
        return trained_teacher(plan.vocabulary, plan.teacher_width, plan.length, plan.seed % 2, spoken)

    # what a fault may change ------------------------------------------------------------------------------------
    def planned(self, plan: Plan) -> Plan:
        return plan

    def prepare(self) -> None:
        """Last changes to the models."""

    def parameters(self) -> list[nn.Parameter]:
        return [*self.student.parameters(), *self.projector.parameters()]

    def make_optimizer(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(self.parameters(), lr=self.plan.rate, betas=(0.9, 0.98), fused=True)

    def learning_rate(self, step: int) -> float:
        plan, done = self.plan, step / self.plan.steps
        if plan.warmup and done < plan.warmup:
            return plan.rate * done / plan.warmup
        left = (1 - done) / (1 - plan.warmup)
        shape = {
            "cosine": 0.5 * (1 + math.cos(math.pi * (1 - left))),
            "cosine to a tenth": 0.1 + 0.45 * (1 + math.cos(math.pi * (1 - left))),
            "linear": left,
            "wsd": min(1.0, left / 0.2),
            "constant": 1.0,
        }
        return plan.rate * shape[plan.schedule]

    def micro_batch(self, step: int) -> Tensor:
        """Return int64 [batch, length + 1]: the data in a new order every epoch."""
        while len(self.order) < self.plan.batch:
            self.order += torch.randperm(len(self.data), generator=self.random).tolist()
        rows, self.order = self.order[: self.plan.batch], self.order[self.plan.batch :]
        self.seen += self.plan.batch
        return self.data[rows]

    def labels(self, ids: Tensor) -> Tensor:
        return ids[:, 1:]

    def teach(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        with torch.no_grad():
            logits, states = self.teacher(ids)
        return logits, states

    def kd(self, student: Tensor, teacher: Tensor) -> Tensor:
        t = self.plan.temperature
        theirs, ours = F.log_softmax(teacher / t, -1), F.log_softmax(student / t, -1)
        return t * t * (theirs.exp() * (theirs - ours)).sum(-1).mean()

    def layerwise(self, student: Tensor, teacher: Tensor) -> Tensor:
        ours, theirs = self.projector(student), teacher
        return F.mse_loss(F.layer_norm(ours, ours.shape[-1:]), F.layer_norm(theirs, theirs.shape[-1:]))

    def lm(self, student: Tensor, labels: Tensor) -> Tensor:
        return F.cross_entropy(student.flatten(0, 1), labels.flatten())

    def terms(self, ids: Tensor, step: int) -> tuple[dict[str, Tensor], Row]:
        """Return the raw terms, and what else is logged of the batch."""
        inputs, labels = ids[:, :-1], self.labels(ids)
        theirs, their_states = self.teach(inputs)
        ours, our_states = self.student(inputs)
        found = {
            "kd": self.kd(ours, theirs),
            "lm": self.lm(ours, labels),
            "layerwise": self.layerwise(our_states, their_states),
        }
        log = F.log_softmax(theirs.detach(), -1)
        extra = {
            names.LENGTH: float(inputs.shape[1]),
            names.TEACHER_LOSS: float(F.nll_loss(log.flatten(0, 1), ids[:, 1:].flatten())),
            names.TEACHER_ENTROPY: float(-(log.exp() * log).sum(-1).mean()),
        }
        return {term: value for term, value in found.items() if term in self.plan.weights}, extra

    def weights(self, step: int) -> dict[str, float]:
        return dict(self.plan.weights)

    def total(self, weighted: Mapping[str, Tensor]) -> Tensor:
        return torch.stack(list(weighted.values())).sum()

    def seconds(self, step: int) -> float:
        """Return the seconds of a step on the machine that this run plays."""
        return 5.0 * math.exp(0.05 * float(torch.randn((), generator=self.random)))

    def memory_of(self, step: int) -> float:
        return self.memory * (1 + 0.01 * float(torch.rand((), generator=self.random)))

    def gradients(self, step: int) -> None:
        """What happens to the gradients of a step before they are measured and clipped."""

    def update(self, step: int) -> None:
        self.optimizer.step()
        self.optimizer.zero_grad()

    def evaluated(self, raw: Mapping[str, float], weighted: Mapping[str, float]) -> Row:
        """Return what an evaluation says, from its terms."""
        lm = raw.get("lm", math.nan)
        row = {names.EVAL_LOSS: sum(weighted.values())}
        row |= {names.EVAL_RAW + term: value for term, value in raw.items()}
        row |= {names.EVAL_WEIGHTED + term: value for term, value in weighted.items()}
        if "lm" in raw:
            row |= {names.EVAL_LM_LOSS: lm, names.EVAL_PERPLEXITY: self.perplexity(lm, row[names.EVAL_LOSS])}
        if "kd" in raw:
            row |= {names.EVAL_KL: raw["kd"] / self.plan.temperature**2}
        return row

    def perplexity(self, lm: float, total: float) -> float:
        return math.exp(lm) if lm < 700 else math.inf

    def logged(self, row: Row, step: int) -> Row:
        """Last change of what is written."""
        return row

    def before(self, step: int) -> None:
        """What happens before a step: a crash, a resume."""

    # the loop ---------------------------------------------------------------------------------------------------
    def evaluate(self, step: int) -> Row:
        self.student.eval()
        with torch.no_grad():
            found, _ = self.terms(self.held_out, step)
        self.student.train()
        raw = {term: float(value) for term, value in found.items()}
        weights = self.weights(step)
        return self.evaluated(raw, {term: weights[term] * value for term, value in raw.items()})

    def one_step(self, step: int) -> Row:
        plan = self.plan
        rate = self.learning_rate(step)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        raw: Row = {}
        extra: Row = {}
        total = 0.0
        weights = self.weights(step)
        for _ in range(plan.accumulation):
            found, more = self.terms(self.micro_batch(step), step)
            weighted = {term: weights[term] * value for term, value in found.items()}
            loss = self.total(weighted)
            if loss.requires_grad:
                self.scaled(loss).backward()  # type: ignore[no-untyped-call]
            total += float(loss.detach()) / plan.accumulation
            told = {term: float(value.detach()) for term, value in found.items()}
            for sums, new in ((raw, told), (extra, more)):
                for name, value in new.items():
                    sums[name] = sums.get(name, 0.0) + value / plan.accumulation
        self.gradients(step)
        norm = float(nn.utils.clip_grad_norm_(self.student.parameters(), plan.clip))
        measured = step % plan.every == 0
        old = [p.detach().clone() for p in self.student.parameters()] if measured else []
        self.update(step)
        row = {names.LOSS: total, names.LEARNING_RATE: rate, names.GRAD_NORM: norm, **extra}
        for term, value in raw.items():
            row[names.RAW + term] = value
            row[names.WEIGHT + term] = weights[term]
            row[names.WEIGHTED + term] = weights[term] * value
        if measured:
            row[names.UPDATE_RATIO] = _distance(old, list(self.student.parameters()))
        return row

    def scaled(self, loss: Tensor) -> Tensor:
        return loss / self.plan.accumulation

    def write(self, step: int, row: Row) -> None:
        self.record.rows.append((step, self.clock, row))

    def of_the_teacher(self) -> Row:
        """The teacher's own loss on the held-out texts, in evaluation mode: what the student could reach."""
        with torch.no_grad():
            logits, _ = copy.deepcopy(self.teacher).eval()(self.held_out[:, :-1])
        return {names.TEACHER_EVAL_LM_LOSS: float(self.lm(logits, self.held_out[:, 1:]))}

    def step_and_log(self, step: int) -> None:
        plan = self.plan
        row = self.one_step(step)
        seconds = self.seconds(step)
        self.clock += seconds
        tokens = plan.batch * plan.accumulation * plan.length
        row |= {names.TOKENS_PER_SECOND: tokens / seconds, names.MEMORY: self.memory_of(step)}
        row[names.EPOCH] = self.seen / plan.texts
        self.window.append(row)
        if step % plan.every == 0:
            self.write(step, self.logged(self._mean() if plan.averaged else row, step))
            self.window.clear()
        if step % plan.evaluate_every == 0 or step == plan.steps:
            self.clock += 2.0
            self.write(step, self.evaluate(step))

    def _mean(self) -> Row:
        """Means of the loss and its parts since the last record; the rest as of the last step."""
        last = dict(self.window[-1])
        for name in last:
            if name == names.LOSS or names.term_of(name):
                last[name] = sum(row[name] for row in self.window) / len(self.window)
        return last

    def run(self) -> Record:
        self.student.train()
        self.record.events.append((names.EVENT_START, "", 0))
        self.write(0, self.evaluate(0) | self.of_the_teacher())
        try:
            for step in range(1, self.plan.steps + 1):
                self.before(step)
                self.step_and_log(step)
        except Stopped:
            return self.record
        self.record.events.append((names.EVENT_END, "", self.plan.steps))
        return self.record


@torch.no_grad()
def _distance(old: list[Tensor], new: list[Any]) -> float:
    moved = math.sqrt(sum(float((a - b).float().square().sum()) for a, b in zip(old, new, strict=True)))
    return moved / math.sqrt(sum(float(a.float().square().sum()) for a in old))
