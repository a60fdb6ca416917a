"""The account of a distillation in which something follows the student, in float64 and in the plainest form."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from sad.subjects.following import Following, State
from sad.subjects.objective import BITS, KD, LM, LM_LOSS, TEACHER, TOKENS, WEIGHT, Account, Task
from sad.subjects.plain import terms as plain
from sad.subjects.plain.objective import PlainObjective
from sad.subjects.plain.seen import Seen, Sums

Steps = Sequence[Sequence[Sequence[int]]]


class PlainFollowing(PlainObjective):
    """Computes an account of a student that stands still. What may be wrong is in methods of their own."""

    state: State
    counted: list[Tensor]

    def __call__(self, task: Task) -> Account:
        """Take the texts from the last to the first, again and again."""
        return self.following(task, self.steps(task), self.projections(task))

    def steps(self, task: Task) -> Steps:
        """The micro-batches of each step."""
        each, size = range(len(task.texts))[::-1], task.micro_batch
        full = [[each[i : i + size], each[i + size : i + 2 * size]] for i in range(0, len(each), 2 * size)]
        return [[part for part in full[step % len(full)] if part] for step in range(of(task).steps)]

    def following(self, task: Task, steps: Steps, projections: Sequence[Tensor]) -> Account:
        """Compute the account of the last step."""
        student, teacher = (copy.deepcopy(model).double().eval() for model in (task.student, task.teacher))
        student.requires_grad_(True)
        maps = [made.detach().double() for made in [*projections, *self.besides(task)]]
        self.begin(task, student, teacher, maps)
        for number, step in enumerate(steps[:-1], 1):
            parts = [self.sums(task, student, teacher, maps, some) for some in step]
            self.follow([values for values, _ in parts])
            if (wanted := of(task)).shares and self.due(number, wanted.every):
                # what weighs the places has moved on
                _, slopes = self.sums(task, student, teacher, maps, step[0])
                self.state.steer(self.norms(task, student, slopes))
                self.counted.clear()
        now = dict(self.state.weights)
        got = self.account(replace(task, weights=now), steps[-1], projections)
        told = {**got.step, **{WEIGHT + name: weight for name, weight in now.items()}}
        read = [task.texts[number] for step in steps[:-1] for some in step for number in some]
        told[TOKENS] += sum(len(self.read(task.student_tokenizer, text)[0]) for text in read)
        return replace(got, step=told, held_out={}, earlier=steps[:-1])

    def begin(self, task: Task, student: nn.Module, teacher: nn.Module, maps: Sequence[Tensor]) -> None:
        """Measure where the student begins, and how far it has to go."""
        self.state = State(of(task), task.weights, 1.0, 0.0)
        self.counted = []
        with torch.no_grad():
            found = super().scores(task, student, teacher, maps, self.carried(task))
        start = found[LM_LOSS]
        self.counted = []
        self.state = State(of(task), task.weights, start, start * found[TEACHER + BITS] / found[BITS])

    def signals(self, *_: object) -> dict[str, float]:
        """Nothing is told of the teacher: what costs more is measured seldom."""
        return {}

    def scores(self, *_: object) -> dict[str, float]:
        """Nothing is asked of held-out texts."""
        return {}

    def sums(
        self, task: Task, student: nn.Module, teacher: nn.Module, maps: Sequence[Tensor], some: Sequence[int]
    ) -> tuple[Sums, Sums]:
        """Of one micro-batch the values, and what their gradient is taken of."""
        values, slopes = Sums(), Sums()
        seen = [self.see(task, student, teacher, task.texts[number]) for number in some]
        self.add_terms(task, seen, maps, self.carried(task), values, slopes)
        return values, slopes

    def norms(self, task: Task, student: nn.Module, slopes: Sums) -> Mapping[str, float]:
        """The norm of the gradient of each term's mean."""
        found: dict[str, float] = {}
        for name, mean in slopes.means().items():
            if name in task.weights:
                each = torch.autograd.grad(mean, [*student.parameters()], retain_graph=True, allow_unused=True)
                found[name] = plain.norm(one for one in each if one is not None)
        return found

    def follow(self, parts: Sequence[Sums]) -> None:
        """Take in a step."""
        every = Sums()
        for part in parts:
            for name, total in part.total.items():
                every.add(name, total.detach(), part.units[name])
        means = every.means()
        self.state.follow(float(means[KD]), float(torch.cat(self.counted).mean()), float(means[LM]))
        self.counted.clear()

    def due(self, number: int, every: int) -> bool:
        """Whether the gradient is measured after step ``number``, from 1."""
        return (number - 1) % every == 0

    def weighed(self, gaps: Tensor) -> Tensor:
        """Each place by its weight, which is a number."""
        factors = self.state.factors(gaps)
        self.counted.append(factors)
        return (factors / (self.state.factor or 1.0) * gaps).sum()

    def besides(self, task: Task) -> Sequence[Tensor]:
        """The scores of the map, [pair, block of the teacher]."""
        if not of(task).learned:
            return ()
        blocks = range(task.teacher.config.num_hidden_layers)  # type: ignore[union-attr,arg-type]
        return [torch.tensor([[-float(abs(block - near)) for block in blocks] for _, near in task.blocks])]

    def states_apart(self, task: Task, one: Seen, maps: Sequence[Tensor]) -> Tensor:
        """Each pair's student's block against the mixture."""
        if not of(task).learned:
            return super().states_apart(task, one, maps)
        each = torch.stack([plain.normal(block) for block in one.depths], dim=-1)
        found = []
        for (states, _), projection, scores in zip(one.states, maps, maps[-1], strict=False):
            mixed = each @ torch.softmax(scores, dim=0)
            found.append(plain.distance(plain.normal(states) @ projection.T, mixed, task.normalisation))
        return torch.stack(found).mean()


def of(task: Task) -> Following:
    """What follows."""
    assert task.following is not None
    return task.following
