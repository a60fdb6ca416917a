"""A distillation computed from its texts in the plainest form: one text at a time, in float64, nothing padded.

It shares no code with the code that trains. Tokenizers are those that `sad/subjects/plain/spelling.py` can spell;
models have their blocks at ``model.layers``. To plant a fault, override a method.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from sad.subjects.objective import (
    AGREEMENT,
    ALM,
    ATTENTION,
    BATCH,
    BITS,
    CONTRASTIVE,
    COVERAGE,
    ENTROPY,
    KD,
    KL,
    LABELS,
    LAYERWISE,
    LENGTH,
    LM,
    LM_LOSS,
    LOSS,
    MAPPED,
    MAPS,
    RAW,
    TEACHER,
    TOKENS,
    UPDATE,
    Account,
    Task,
    projection,
)
from sad.subjects.plain import terms as plain
from sad.subjects.plain.one_text import run
from sad.subjects.plain.seen import Seen, Sums
from sad.subjects.plain.spelling import longest, spelled, whole

EPSILON = 1e-8
"""AdamW's, as torch has it."""


class PlainObjective:
    """Computes an account."""

    def __call__(self, task: Task) -> Account:
        """Take the texts in their order, with projections from a fixed seed."""
        numbers = range(len(task.texts))
        batches = [numbers[i : i + task.micro_batch] for i in range(0, len(numbers), task.micro_batch)]
        return self.account(task, batches, self.projections(task))

    def projections(self, task: Task) -> list[Tensor]:
        """Projections from a fixed seed."""
        widths = (_width(task.student), _width(task.teacher))
        noise = torch.Generator().manual_seed(0)
        return [torch.randn(widths[1], widths[0], generator=noise) / math.sqrt(widths[0]) for _ in task.blocks]

    def account(self, task: Task, batches: Sequence[Sequence[int]], projections: Sequence[Tensor]) -> Account:
        """Compute what the texts say, for these micro-batches and projections."""
        student, teacher = (copy.deepcopy(model).double().eval() for model in (task.student, task.teacher))
        student.requires_grad_(True)
        maps = [made.detach().double().requires_grad_(True) for made in [*projections, *self.besides(task)]]
        carried = self.carried(task)
        # the value of a term, and what its gradient is taken of
        values, slopes = Sums(), Sums()
        told, lengths = dict[str, float](), list[int]()
        for numbers in batches:
            seen = [self.see(task, student, teacher, task.texts[number]) for number in numbers]
            self.add_terms(task, seen, maps, carried, values, slopes)
            told = told or self.signals(task, seen, carried)
            lengths += [len(one.student) for one in seen]
        loss = sum(task.weights[name] * mean for name, mean in slopes.means().items() if name in task.weights)
        named = dict(student.named_parameters())
        every = named | {projection(k): of for k, of in enumerate(maps)}
        found = torch.autograd.grad(loss, list(every.values()), allow_unused=True)
        gradient = {
            name: torch.zeros_like(of) if got is None else got
            for (name, of), got in zip(every.items(), found, strict=True)
        }
        with torch.no_grad():
            held_out = self.scores(task, student, teacher, maps, carried)
            change = {name: self.change(task, name, of, gradient[name]) for name, of in every.items()}
        moved = plain.norm(change[name] for name in named) / plain.norm(named.values())
        told |= {UPDATE: moved, COVERAGE: values.units[KD] / values.units[LM]}
        step = _told(values, task.weights) | told | {LENGTH: sum(lengths) / len(lengths), TOKENS: sum(lengths)}
        return Account(batches, projections, step, held_out, gradient, change)

    def besides(self, _task: Task) -> Sequence[Tensor]:
        """What is trained besides the student and the projections."""
        return ()

    def change(self, task: Task, name: str, of: Tensor, gradient: Tensor) -> Tensor:
        """What AdamW's first step adds to a weight: both of its means are those of one gradient."""
        own = not name.startswith(projection(0)[:-1])
        decayed = task.decay * of if own and of.ndim > 1 else 0.0
        return -(task.rate if own else task.projection_rate) * (gradient / (gradient.abs() + EPSILON) + decayed)

    def see(self, task: Task, student: nn.Module, teacher: nn.Module, text: str) -> Seen:
        """Read a text with both models."""
        (mine, my_ends), (theirs, their_ends) = (
            self.read(tokenizer, text) for tokenizer in (task.student_tokenizer, task.teacher_tokenizer)
        )
        both = [(my_ends[end], their_ends[end]) for end in sorted(my_ends.keys() & their_ends.keys())]
        places = [(s, t) for s, t in both if not self.spelled_out(task, mine[s + 1], theirs[t + 1])]
        first = next(end for end in sorted(my_ends) if end in their_ends)
        maps = task.attention == MAPS
        logits, my_blocks, my_looks = run(student, mine, maps=maps)
        with torch.no_grad():
            asked, their_blocks, their_looks = run(teacher, theirs, maps=maps)
        at_student, at_teacher = map(list, zip(*places, strict=True))
        states = [(my_blocks[s][at_student], their_blocks[t][at_teacher]) for s, t in task.blocks]
        looks = [list(zip(my_looks[s], their_looks[t], strict=True)) for s, t in task.attention_blocks]
        if not maps:
            looks = [[(a[at_student], b[at_teacher]) for a, b in three] for three in looks]
        depths = [block[at_teacher] for block in their_blocks]
        return Seen(mine, theirs, places, len(text.encode()) - first, logits, asked, states, depths, looks)

    def spelled_out(self, task: Task, mine: int, theirs: int) -> bool:
        """Whether of two tokens the student's is a mark, and the teacher's is not."""
        return mine in task.student_tokenizer.all_special_ids and theirs not in task.teacher_tokenizer.all_special_ids

    def read(self, tokenizer: Any, text: str) -> tuple[list[int], dict[int, int]]:  # noqa: ANN401
        """Return the token ids that a model sees, and the position after which so many bytes have been read."""
        bare, dressed = (tokenizer(text, add_special_tokens=special)["input_ids"] for special in (False, True))
        begin = [tokenizer.bos_token_id] if len(dressed) > len(bare) else []
        lengths = [len(spelled(tokenizer, token)) for token in bare]
        # some tokenizers put a space before a text
        ends, read = ({0: 0} if begin else {}), len(text.encode()) - sum(lengths)
        for position, length in enumerate(lengths, len(begin)):
            read += length
            ends |= {read: position} if read > 0 else {}
        return [*begin, *bare, tokenizer.eos_token_id], ends

    def add_terms(
        self,
        task: Task,
        seen: Sequence[Seen],
        maps: Sequence[Tensor],
        carried: Sequence[int | None],
        values: Sums,
        slopes: Sums,
    ) -> None:
        """Add the terms of one micro-batch."""
        for one in seen:
            nats = self.likelihood(one.logits, one.student, one.places[0][0])
            p, q = self.compared(task, one, carried, task.temperature)
            gaps = (p * (p.clamp_min(1e-300).log() - q)).sum(dim=1)
            places = len(one.places)
            found = [(LM, nats.sum(), len(nats)), (LAYERWISE, self.states_apart(task, one, maps), places)]
            if ALM in task.weights:
                found.append((ALM, self.chunks(task, one, nats), places))
            if ATTENTION in task.weights:
                found.append((ATTENTION, self.attention(task, one), places))
            for name, total, units in found:
                values.add(name, total, units)
                slopes.add(name, total, units)
            values.add(KD, gaps.sum(), places)
            slopes.add(KD, task.temperature**2 * self.weighed(gaps), places)
        groups = [seen] if task.negatives == BATCH else [[one] for one in seen]
        for group in groups:
            last = maps[len(task.blocks) - 1]
            mine = torch.cat([plain.normal(one.states[-1][0]) @ last.T for one in group])
            nearest = plain.nearest(mine, torch.cat([one.states[-1][1] for one in group]), task.sharpness)
            for sums in (values, slopes):
                sums.add(CONTRASTIVE, nearest, len(mine))

    @torch.no_grad()
    def signals(self, task: Task, seen: Sequence[Seen], carried: Sequence[int | None]) -> dict[str, float]:
        """What the teacher thinks of the places of a micro-batch, where that is known."""
        if task.stored and task.temperature != 1:
            return {}
        p = torch.cat([self.compared(task, one, carried, 1.0)[0] for one in seen])
        labels = torch.tensor([one.student[place + 1] for one in seen for place, _ in one.places])
        likely = p.gather(1, labels[:, None]).log()
        if task.student_tokenizer is not task.teacher_tokenizer:
            # no token of the teacher leads to some labels
            likely = likely[likely.isfinite()]
        told = {LABELS: float(-likely.mean()), ENTROPY: float(torch.special.entr(p).sum(1).mean())}
        return {TEACHER + name: value for name, value in told.items() if math.isfinite(value)}

    def weighed(self, gaps: Tensor) -> Tensor:
        """The sum of the KD of some places, as its gradient is taken of."""
        return gaps.sum()

    def states_apart(self, task: Task, one: Seen, maps: Sequence[Tensor]) -> Tensor:
        """The mean over the pairs of blocks; ``maps`` are the projections, and what else is trained."""
        pairs = [(plain.normal(s) @ m.T, t) for (s, t), m in zip(one.states, maps, strict=False)]
        return torch.stack([plain.distance(*pair, task.normalisation) for pair in pairs]).mean()

    def chunks(self, task: Task, one: Seen, nats: Tensor) -> Tensor:
        """Chunk likelihood, of the student's nats and the teacher's."""
        theirs = self.likelihood(one.asked, one.teacher, one.places[0][1])
        first = one.places[0]
        cuts = [[place[side] - first[side] for place in one.places[1:]] for side in (0, 1)]
        # what follows the last place is a chunk too
        return plain.chunks(nats.tensor_split(cuts[0]), theirs.tensor_split(cuts[1]), task.chunk_temperature)

    def attention(self, task: Task, one: Seen) -> Tensor:
        """The mean over the pairs of blocks, and over queries, keys and values."""
        each = [side for pair in one.attended for side in pair]
        if task.attention == MAPS:
            return torch.stack([plain.maps(a, b, one.places) for a, b in each]).mean()
        widths = [of.shape[1] for pair in each for of in pair]
        fit = [n for n in range(2, 1 + min(widths) // 8) if not any(w % n for w in widths)]
        heads = task.relation_heads or max(fit, default=1)
        return torch.stack([plain.relations(a, b, heads) for a, b in each]).mean()

    def likelihood(self, logits: Tensor, ids: Sequence[int], first: int) -> Tensor:
        """Nats of each label, from the one that follows position ``first``."""
        labels = torch.tensor(ids[first + 1 :])
        return -torch.log_softmax(logits[first:-1], dim=-1).gather(1, labels[:, None])[:, 0]

    def compared(
        self, task: Task, one: Seen, carried: Sequence[int | None], temperature: float
    ) -> tuple[Tensor, Tensor]:
        """The teacher's probabilities and the student's log-probabilities, [place, student token]."""
        at_student, at_teacher = map(list, zip(*one.places, strict=True))
        size = len(task.student_tokenizer)
        p = self.carry(self.asked(task, one, at_teacher, temperature), carried, size)
        return p / p.sum(dim=-1, keepdim=True), torch.log_softmax(one.logits[at_student, :size] / temperature, dim=-1)

    def asked(self, task: Task, one: Seen, at: Sequence[int], temperature: float) -> Tensor:
        """The teacher's probabilities [place, teacher token]."""
        return torch.softmax(one.asked[at, : len(task.teacher_tokenizer)] / temperature, dim=-1)

    def carry(self, p: Tensor, carried: Sequence[int | None], size: int) -> Tensor:
        """The teacher's mass on the student's tokens, [place, student token]; it need not sum to 1."""
        given = {theirs: mine for theirs, mine in enumerate(carried) if mine is not None}
        onto = torch.tensor([*given.values()], dtype=torch.int64)
        return p.new_zeros(len(p), size).index_add(1, onto, p[:, [*given]])

    def carried(self, task: Task) -> list[int | None]:
        """For each teacher token the student's token that gets its mass."""
        mine, theirs = task.student_tokenizer, task.teacher_tokenizer
        if self.same(mine, theirs):
            return list(range(len(theirs)))
        marks = {theirs.bos_token_id: mine.bos_token_id, theirs.eos_token_id: mine.eos_token_id}
        table = {spelled(mine, i): i for i in range(len(mine)) if i not in mine.all_special_ids}
        special, every = set(theirs.all_special_ids), [spelled(theirs, token) for token in range(len(theirs))]
        first = iter(mine([t.decode() for t in every if whole(t)], add_special_tokens=False)["input_ids"])
        found: list[int | None] = []
        for token, text in enumerate(every):
            own = next(first)[0] if whole(text) else longest(text, table)
            found.append(marks.get(token) if token in special else own)
        return found

    def same(self, mine: Any, theirs: Any) -> bool:  # noqa: ANN401
        """Whether both tokenizers are one: then every token is itself, marks too."""
        if mine.get_vocab() != theirs.get_vocab():
            return False
        text = mine.decode(range(len(mine)), skip_special_tokens=True)
        return bool(mine(text)["input_ids"] == theirs(text)["input_ids"])

    def scores(
        self, task: Task, student: nn.Module, teacher: nn.Module, maps: Sequence[Tensor], carried: Sequence[int | None]
    ) -> dict[str, float]:
        """Score the held-out texts."""
        own, terms = Sums(), Sums()
        texts = self.held_out(task)
        for i in range(0, len(texts), task.micro_batch):
            seen = [self.see(task, student, teacher, text) for text in texts[i : i + task.micro_batch]]
            self.add_terms(task, seen, maps, carried, terms, Sums())
            for one in seen:
                p, q = self.compared(task, one, carried, 1.0)
                mass = self.carry(self.asked(task, one, [t for _, t in one.places], 1.0), carried, q.shape[1])
                own.add(KL, (p * (p.clamp_min(1e-300).log() - q)).sum(), len(p))
                own.add(AGREEMENT, (p.argmax(dim=-1) == q.argmax(dim=-1)).sum(), len(p))
                own.add(MAPPED, mass.sum(), len(p))
                nats = self.likelihood(one.logits, one.student, one.places[0][0])
                known = self.likelihood(one.asked, one.teacher, one.places[0][1])
                for whose, each in (("", nats), (TEACHER, known)):
                    own.add(whose + LM_LOSS, each.sum(), len(each))
                    own.add(whose + BITS, each.sum() / math.log(2), one.bytes)
        return {name: float(mean) for name, mean in own.means().items()} | _told(terms, task.weights)

    def held_out(self, task: Task) -> Sequence[str]:
        """The texts that are scored."""
        return task.held_out


def _told(sums: Sums, weights: Mapping[str, float]) -> dict[str, float]:
    means = {name: float(torch.as_tensor(mean).detach()) for name, mean in sums.means().items() if name in weights}
    return {RAW + n: m for n, m in means.items()} | {LOSS: sum(weights[n] * mean for n, mean in means.items())}


def _width(model: nn.Module) -> int:
    width: int = model.get_input_embeddings().weight.shape[1]  # type: ignore[operator]
    return width
