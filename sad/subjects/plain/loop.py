"""A plain training loop that does everything right, in small methods: a fault of a loop is a subclass with one of them
written wrongly.

It distils a bigram model (a table of logits, one row a token) from another, in float64, with two terms: ``kd``,
KL(teacher || student), and ``lm``, the cross-entropy of the text. Several processes are simulated: each has its own
copy of the model and its own optimizer, all do the same at the same time, and gradients are averaged between them, as
DistributedDataParallel and FSDP do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from sad.subjects.schedules import Schedule, factor
from sad.subjects.trainer import Claims, Line, Setup, Trace, Watch, held, weights

VOCABULARY = 7
KD, LM = "kd", "lm"
SCHEDULES = (Schedule.COSINE, Schedule.LINEAR, Schedule.CONSTANT)

MicroBatch = Sequence[Sequence[int]]
"""Numbers of the texts that each process takes in one forward pass."""


@dataclass(slots=True, eq=False)
class Process:
    """What a process has of its own. ``sums`` and ``counts`` are those of the micro-batches since the last step."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    sums: list[dict[str, float]] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)


class PlainLoop:
    """The loop. ``step`` counts the optimizer steps that were taken, ``position`` is the scheduler's own count."""

    claims = Claims(processes=(1, 2, 4), schedules=SCHEDULES, terms=(KD, LM), reshuffles=True, noise=1e-10)
    terms: Mapping[str, float] = {KD: 1.0, LM: 0.5}

    def run(self, setup: Setup) -> Trace:
        """Train from the same weights on the same texts every time."""
        self.setup, self.step, self.position = setup, 0, 0
        self.texts, self.teacher = make_texts(setup.lengths), make_table(seed=2, sharpness=2.0)
        self.processes = self.make_processes()
        self.log: list[Line] = []
        self.scores: list[float] = []
        with Watch() as self.watch:
            for epoch in range(setup.epochs):
                self.epoch(self.micro_batches(self.order(epoch)))
        ends = [weights(process.optimizer) for process in self.processes]
        return Trace(self.watch.taken, self.log, self.scores, ends, [held(one.optimizer) for one in self.processes])

    def make_processes(self) -> list[Process]:
        """Return the processes, all with the first weights."""
        models = [make_model() for _ in range(self.setup.processes)]
        return [Process(model, torch.optim.SGD(model.parameters(), lr=self.setup.learning_rate)) for model in models]

    def order(self, epoch: int) -> list[int]:
        """Return the order of the texts in an epoch."""
        shuffle = torch.Generator().manual_seed(1000 * self.setup.seed + epoch)
        return torch.randperm(len(self.texts), generator=shuffle).tolist()

    def accumulation(self) -> int:
        """Return the micro-batches of a step on each process, from the texts that a step is to have."""
        return self.setup.global_batch // (self.setup.micro_batch * self.setup.devices * self.setup.nodes)

    def micro_batches(self, order: Sequence[int]) -> list[MicroBatch]:
        """Deal the texts out: one by one to the processes, then into micro-batches. The last may be short."""
        count, size = self.setup.processes, self.setup.micro_batch
        longest = -(-len(order) // count)
        return [
            [order[process::count][start : start + size] for process in range(count)]
            for start in range(0, longest, size)
        ]

    def epoch(self, batches: Sequence[MicroBatch]) -> None:
        """Take every micro-batch, and a step after each full window and after the last one."""
        for number, batch in enumerate(batches):
            first = number - number % self.accumulation()
            window = batches[first : first + self.accumulation()]
            for process, texts in self.dealt(batch):
                for text in texts:
                    self.watch.read(text)
                self.backward(process, self.loss(process, texts, window))
            if self.is_full(number, len(batches)):
                self.update()
            self.monitor(number)

    def dealt(self, batch: MicroBatch) -> list[tuple[Process, Sequence[int]]]:
        """Return each process with its texts."""
        return list(zip(self.processes, batch, strict=True))

    def is_full(self, number: int, batches: int) -> bool:
        """Whether micro-batch ``number`` is the last of its window. It only tells."""
        return (number + 1) % self.accumulation() == 0 or number + 1 == batches

    def loss(self, process: Process, texts: Sequence[int], window: Sequence[MicroBatch]) -> Float[Tensor, ""]:
        """Return what a micro-batch adds to the loss: its sums over the labels of the whole window on all processes.

        Times the number of processes, since their gradients are averaged and the sum is wanted.
        """
        sums, count = self.summed(process, texts), self.labels(window)
        process.sums.append({name: float(value.detach()) for name, value in sums.items()})
        process.counts.append(self.labels([[texts]]))
        parts = [self.term_weights()[name] * value / count for name, value in sums.items()]
        return torch.stack(parts).sum() * self.setup.processes

    def summed(self, process: Process, texts: Sequence[int]) -> dict[str, Tensor]:
        """Return each term summed over the labels of the texts."""
        tokens = [self.texts[text] for text in texts]
        read, label = (torch.cat([torch.empty(0, dtype=torch.long), *part]) for part in _shifted(tokens))
        logits = self.forward(process, read)
        student = (logits / self.temperature()).log_softmax(-1)
        teacher = (self.teacher[read] / self.temperature()).log_softmax(-1)
        return {
            KD: F.kl_div(student, teacher, reduction="sum", log_target=True),
            LM: F.cross_entropy(logits, label, reduction="sum"),
        }

    def forward(self, process: Process, read: Int[Tensor, " label"]) -> Float[Tensor, "label vocab"]:
        """Return the student's logits after each token that was read."""
        logits: Tensor = process.model(read)
        return logits

    def labels(self, window: Sequence[MicroBatch]) -> int:
        """Count the labels of some micro-batches over all processes."""
        return sum(len(self.texts[text]) - 1 for batch in window for texts in batch for text in texts)

    def term_weights(self) -> dict[str, float]:
        """Return the weights of the terms at this step; on a ramp, kd comes in slowly."""
        now = {**self.terms, **dict(self.setup.weights)}
        return {**now, KD: now[KD] * (1 + self.step) / self.setup.steps} if self.setup.ramp else now

    def temperature(self) -> float:
        """Return the temperature of kd at this step; on a ramp it falls from 3."""
        return 3.0 - 2.0 * self.step / self.setup.steps if self.setup.ramp else 1.0

    def backward(self, _process: Process, loss: Tensor) -> None:
        """Add to the gradient."""
        loss.backward()  # type: ignore[no-untyped-call]

    def update(self) -> None:
        """Take the optimizer step that a window ends with."""
        self.reduce()
        norms = [self.clip(process) for process in self.processes]
        rate = self.learning_rate()
        for process in self.processes:
            process.optimizer.param_groups[0]["lr"] = rate
            process.optimizer.step()
        self.advance()
        self.write(norms[0])
        self.zero_grad()
        self.step += 1
        if self.step % self.setup.eval_every == 0:
            self.scores.append(self.score())

    def reduce(self) -> None:
        """Average the gradients over the processes."""
        for same in zip(*(process.model.parameters() for process in self.processes), strict=True):
            mean = torch.stack([p.grad for p in same if p.grad is not None]).mean(0)
            for parameter in same:
                parameter.grad = mean.clone()

    def clip(self, process: Process) -> float:
        """Shorten a gradient that is too long; return the norm that it had."""
        return float(nn.utils.clip_grad_norm_(process.model.parameters(), self.setup.clip))

    def learning_rate(self) -> float:
        """Return the rate of the step to come."""
        shape = self.setup.schedule or Schedule.CONSTANT
        return self.setup.learning_rate * factor(shape, self.position, self.setup.steps, self.setup.warmup)

    def advance(self) -> None:
        """Move the scheduler on, once an optimizer step."""
        self.position += 1

    def zero_grad(self) -> None:
        """Clear the gradients, after the step."""
        for process in self.processes:
            process.optimizer.zero_grad()

    def write(self, norm: float | None) -> None:
        """Log the step that was just taken, and forget its sums."""
        raw, weight = self.raw(), self.term_weights()
        weighted = {name: weight[name] * value for name, value in raw.items()}
        if (self.step + 1) % self.setup.log_every == 0:
            self.log.append(Line(self.step + 1, sum(weighted.values()), raw, weight, weighted, norm))
        for process in self.processes:
            process.sums.clear()
            process.counts.clear()

    def raw(self) -> dict[str, float]:
        """Return each term of the step: summed over micro-batches and processes, over the labels of them all."""
        sums = [one for process in self.processes for one in process.sums]
        count = sum(sum(process.counts) for process in self.processes)
        return {name: sum(one[name] for one in sums) / count for name in sums[0]}

    def monitor(self, number: int) -> None:
        """Look at something after micro-batch ``number``. Here at nothing: the norm comes from the clipping."""

    @torch.no_grad()
    def score(self) -> float:
        """Return what evaluations are compared by: nats a label of the cross-entropy of the text."""
        every = range(len(self.texts))
        return float(self.summed(self.processes[0], every)[LM]) / self.labels([[every]])


def make_texts(lengths: Sequence[int]) -> list[Int[Tensor, " token"]]:
    """Return a text for each number of labels: one token more than labels."""
    chance = torch.Generator().manual_seed(0)
    return [torch.randint(VOCABULARY, (length + 1,), generator=chance) for length in lengths]


def make_model() -> nn.Embedding:
    """Return the student with its first weights."""
    model = nn.Embedding(VOCABULARY, VOCABULARY, dtype=torch.float64)
    model.weight.data = make_table(seed=1, sharpness=1.0)
    return model


def make_table(seed: int, sharpness: float) -> Float[Tensor, "vocab vocab"]:
    """Return the logits of a random bigram model, float64."""
    chance = torch.Generator().manual_seed(seed)
    return sharpness * torch.randn(VOCABULARY, VOCABULARY, dtype=torch.float64, generator=chance)


def _shifted(tokens: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
    return [text[:-1] for text in tokens], [text[1:] for text in tokens]
