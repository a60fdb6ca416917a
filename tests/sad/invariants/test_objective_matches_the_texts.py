import copy
from dataclasses import replace
from functools import partial

import pytest
import torch

from sad.errors import UserError
from sad.invariants.objective_matches_the_texts import objective_matches_the_texts
from sad.subjects.objective import AGREEMENT, COVERAGE, LOSS, MAPPED, UPDATE
from sad.subjects.plain.objective import PlainObjective


class OneByOne(PlainObjective):
    """Each text a micro-batch of its own for all but the contrastive term, which keeps its micro-batch."""

    def add_terms(self, task, seen, maps, carried, values, slopes):
        super().add_terms(task, seen[::-1], maps, carried, values, slopes)


class CrossEntropy(PlainObjective):
    """The gradient of the divergence from the cross-entropy alone: the teacher's entropy has none."""

    def compared(self, task, one, carried, temperature):
        p, q = super().compared(task, one, carried, temperature)
        return p.detach(), q


class Backwards(PlainObjective):
    """Takes the texts from the last to the first, in micro-batches of its own."""

    def __call__(self, task):
        account = super().__call__(task)
        return self.account(task, [[4, 3, 2], [1], [0]], account.projections)


class Coarse(PlainObjective):
    """In float32, where it says what it found."""

    def __call__(self, task):
        account = super().__call__(task)
        gradient = {name: of.float() for name, of in account.gradient.items()}
        step = {name: float(torch.tensor(value)) for name, value in account.step.items()}
        return replace(account, gradient=gradient, step=step)


# Backwards begins with the last texts, in which the teacher gives a label nothing: a loss that is infinite is not told
@pytest.mark.parametrize(
    ("right", "numbers"),
    [(PlainObjective, 428), (OneByOne, 428), (CrossEntropy, 428), (Backwards, 428), (Coarse, 428)],
)
def test_right_computations_hold(right, numbers):
    verdict = objective_matches_the_texts(right())
    assert verdict.holds, verdict.says
    assert verdict.says.startswith(f"{numbers} numbers and gradients are what the texts say")


class Copying(PlainObjective):
    def likelihood(self, logits, ids, first):
        return -torch.log_softmax(logits[first:-1], dim=-1).gather(1, torch.tensor(ids[first:-1])[:, None])[:, 0]


class Cold(PlainObjective):
    def asked(self, task, one, at, _temperature):
        return super().asked(task, one, at, 1.0)


class Late(PlainObjective):
    def read(self, tokenizer, text):
        ids, ends = super().read(tokenizer, text)
        return ids, {end: position + (len(ids) > position + 2) for end, position in ends.items()}


class Marked(PlainObjective):
    def read(self, tokenizer, text):
        ids, ends = super().read(tokenizer, text)
        return (ids, ends) if 0 not in ends else (ids[1:], {end: at - 1 for end, at in ends.items() if end})


class Some(PlainObjective):
    def held_out(self, task):
        return task.held_out[: len(task.held_out) // task.micro_batch * task.micro_batch]


class Padded(PlainObjective):
    def compared(self, task, one, carried, temperature):
        p, _ = super().compared(task, one, carried, temperature)
        logits = one.logits[[s for s, _ in one.places]] / temperature
        return p, torch.log_softmax(logits, dim=-1)[:, : p.shape[1]]


class Unmarked(PlainObjective):
    """A word that was made a mark later stays a word."""

    def carried(self, task):
        later, task.teacher_tokenizer.sep_token = task.teacher_tokenizer.sep_token, None
        found = super().carried(task)
        task.teacher_tokenizer.sep_token = later
        return found


class ColdFromStore(PlainObjective):
    """Answers are kept at temperature 1."""

    def asked(self, task, one, at, temperature):
        return super().asked(task, one, at, 1.0 if task.stored else temperature)


@pytest.mark.parametrize(
    ("faulty", "says"),
    [
        (Unmarked, "one vocabulary, cut in two ways: raw kd is"),
        (ColdFromStore, "a stored teacher: raw kd is"),
        (Copying, "two tokenizers: raw lm is"),
        (Cold, "two tokenizers: raw kd is"),
        (Late, "two tokenizers: raw"),
        (Marked, "two tokenizers of one size: raw"),
        (Some, "two tokenizers: held-out"),
        (Padded, "two tokenizers: raw kd is"),
    ],
)
def test_faulty_ones_break_it(faulty, says):
    verdict = objective_matches_the_texts(faulty())
    assert not verdict.holds
    assert verdict.says.startswith(says)


def altered(**change):
    """The plain computation with a change to its account."""

    def learner(task):
        account = PlainObjective()(task)
        return replace(account, **{name: of(getattr(account, name)) for name, of in change.items()})

    return learner


def without_gradient(gradient):
    return {name: of for name, of in gradient.items() if name != "model.norm.weight"}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"held_out": lambda found: found | {MAPPED: 1.0}}, "held-out mapped is 1, from the texts 0.999"),
        ({"held_out": lambda found: found | {AGREEMENT: 1.0}}, "held-out agreement is 1, from the texts 0.76596"),
        ({"held_out": lambda found: {LOSS: found[LOSS]}}, "held-out kl is missing"),
        ({"step": lambda found: found | {LOSS: float("nan")}}, "loss is nan"),
        ({"gradient": lambda found: {n: 2 * of for n, of in found.items()}}, "is off by 1 of its norm"),
        ({"gradient": lambda found: {n: of * float("nan") for n, of in found.items()}}, "is off by nan of its norm"),
        ({"gradient": without_gradient}, "the gradient of model.norm.weight is off by inf"),
        (
            {"change": lambda found: {n: 1.1 * of for n, of in found.items()}},
            "the change of model.embed_tokens.weight is",
        ),
        (
            {"change": lambda found: found | {"projection 1": torch.zeros(24, 16)}},
            "the change of projection 1 is off by 1",
        ),
        ({"step": lambda found: found | {UPDATE: 2 * found[UPDATE]}}, "update ratio is"),
        ({"step": lambda found: found | {COVERAGE: 1.0}}, "coverage is 1, from the texts 0.88793"),
        ({"batches": lambda found: found[:-1]}, "the step's texts are [[0, 1], [2, 3]]"),
    ],
)
def test_an_account_that_is_altered_breaks_it(change, says):
    verdict = objective_matches_the_texts(altered(**change))
    assert not verdict.holds
    assert says in verdict.says


def _doubles(hook):
    return isinstance(hook, partial) and hook.args == (2.0,)


class Linear(PlainObjective):
    """Takes every head for a linear map: what comes after it is not seen."""

    def __call__(self, task):
        student = copy.deepcopy(task.student)
        for number, hook in list(student._forward_hooks.items()):
            if _doubles(hook):
                del student._forward_hooks[number]
        return super().__call__(replace(task, student=student))


class Refusing(PlainObjective):
    """Refuses what it does not know."""

    def __call__(self, task):
        if any(map(_doubles, task.student._forward_hooks.values())):
            raise UserError("its head does something else")
        return super().__call__(task)


class Lazy(PlainObjective):
    """Refuses what it should know."""

    def __call__(self, _task):
        raise UserError("not today")


def test_a_head_that_is_not_known_is_computed_rightly_or_refused():
    assert objective_matches_the_texts(Linear()).holds is False
    assert objective_matches_the_texts(Refusing()).holds
    with pytest.raises(UserError):
        objective_matches_the_texts(Lazy())


class Unwritten(PlainObjective):
    """Adds to a gradient what a new buffer holds."""

    def account(self, task, batches, projections):
        account = super().account(task, batches, projections)
        gradient = {name: of + 1e-9 * torch.empty_like(of) for name, of in account.gradient.items()}
        return replace(account, gradient=gradient)


def test_memory_that_nobody_has_written_to_breaks_it():
    verdict = objective_matches_the_texts(Unwritten())
    assert not verdict.holds
    assert "is off by nan of its norm" in verdict.says


class AllMapped(PlainObjective):
    """A store that takes all of the teacher's mass for mapped."""

    def account(self, task, batches, projections):
        account = super().account(task, batches, projections)
        return replace(account, held_out={**account.held_out, MAPPED: 1.0}) if task.stored else account


def test_mass_that_a_stored_teacher_cannot_give_is_asked_for():
    says = objective_matches_the_texts(AllMapped()).says
    assert says.startswith("a stored teacher: held-out mapped is 1, from the texts 0.59")
