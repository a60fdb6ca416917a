"""A run that was stopped, saved and taken up is the run that was never stopped.

## Property
N steps equal k steps, a save, a load in a new process and N - k steps, for a k within the first epoch, at its end and
in a later one, when the run is stopped twice, and in micro-batches of one: the same samples in the same order, the same
learning rate and loss at every step, and at the end the same weights and the same state of the optimizer, bit for bit.
After the load the optimizer owns the live trainable tensors, each once, and no other. What was saved stays what it was:
the run that saved it trains on, a run that took it up trains on, and it still leads to the same weights. Another seed
gives another order; each pass takes every sample once, however many steps it has, and of many steps in an order of its
own. A run that can be asked to end does so after the step that it is taking, and has saved it; it says how it began,
and how it ended. One that knows its data refuses to go on with others, and with steps of another size. Of several
processes each goes on drawing as it would have, no two alike, also where there are more of them than there were. A run
that goes back to an earlier save goes on from there by the rates of the steps that it takes again, with the samples
that come next: none is trained on twice, and what is then taken up is the run that went back.

## Why it must hold
Long runs are stopped as a rule, not as an exception. What a resume loses shows as a small jump of the loss, if at all,
and samples that are trained on twice show in nothing.

## Tolerance
None: on one device with the same operations in the same order every bit is the same, also with dropout.

## What breaks it
A checkpoint of the weights alone; a model that is replaced after the optimizer was built; copies in a wider type that
undo the load; a sampler that is built anew without its epoch; a state that points to tensors which train on. A run of
one epoch hides the sampler, a model without dropout the random state, one save that is loaded once the pointing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from sad.errors import UserError
from sad.subjects.resumable import ANEW, FINISHED, STOPPED, TAKEN_UP, Drawn, Ran, Resumable, Setting, Taken
from sad.verdict import Verdict

ID = "I17"

SETTING = Setting(size=7, batch_size=2, accumulation=2, seed=3, steps=6)
"""Epochs of two steps, the second of them of three samples."""
SINGLE = replace(SETTING, batch_size=1, accumulation=3, steps=3)
"""Steps of three samples, which nothing but micro-batches of one shares where two are too many."""
LONG = replace(SETTING, size=13, batch_size=1, accumulation=1, steps=29)
"""Two passes of many steps, and a little of a third."""
MIDDLE, SECOND = 9, 18
"""Steps of the long run when it is saved: within the first pass, and within the second."""
OTHER_SEED = 4
INSIDE, BOUNDARY, LATER, AGAIN = 1, 2, 3, 5
"""Steps done when the run is saved: within an epoch, at the end of one, within the second; and within the third."""


def resume_equivalence(resumable: Resumable) -> Verdict:
    """Judge a run by taking it up at several places."""
    whole = resumable.run(SETTING, None, (INSIDE, BOUNDARY, LATER))
    numbers: dict[str, float] = {"resumes": 0, "apart": 0.0}
    if len(whole.taken) != SETTING.steps:
        return Verdict(False, f"{len(whole.taken)} steps taken, not {SETTING.steps}", numbers)
    if missing := {INSIDE, BOUNDARY, LATER} - set(whole.saved):
        return Verdict(False, f"nothing was saved at step {min(missing)}", numbers)
    for where, at, ran in _resumed(resumable, whole):
        numbers["resumes"] += 1
        numbers["apart"] = max(numbers["apart"], distance(whole.weights, ran.weights))
        if fault := next(differences(whole, at, ran), None):
            return Verdict(False, f"{where}: {fault}", numbers)
        if ran.began not in ("", TAKEN_UP):
            return Verdict(False, f"{where}: it says that it was {ran.began}", numbers)
        if at == INSIDE and AGAIN not in ran.saved:
            return Verdict(False, f"{where}: nothing was saved at step {AGAIN}", numbers)
    an_epoch = SETTING.steps_per_epoch
    other = resumable.run(replace(SETTING, seed=OTHER_SEED, steps=an_epoch), None, ())
    if [taken.samples for taken in other.taken] == [taken.samples for taken in whole.taken[:an_epoch]]:
        return Verdict(
            False, f"seeds {SETTING.seed} and {OTHER_SEED} give one order: {_numbers(other.taken[0])} …", numbers
        )
    fault = _passes(SETTING, whole) or _singly(resumable) or _stops(resumable, whole) or _mistakes(resumable, whole)
    if fault := fault or _returns(resumable, whole) or _draws(resumable) or _long(resumable):
        return Verdict(False, fault, numbers)
    says = f"taken up {numbers['resumes']:.0f} times: samples, rates, losses, weights and optimizer bit-identical"
    return Verdict(True, says, numbers)


def _resumed(resumable: Resumable, whole: Ran) -> Iterator[tuple[str, int, Ran]]:
    """Where the run was taken up, the steps done by then, and what it did from there."""
    once = resumable.run(SETTING, whole.saved[INSIDE], (AGAIN,))
    yield f"resumed at step {INSIDE}", INSIDE, once
    where = f"resumed at the end of an epoch, step {BOUNDARY}"
    yield where, BOUNDARY, resumable.run(SETTING, whole.saved[BOUNDARY], ())
    yield f"resumed in a later epoch, step {LATER}", LATER, resumable.run(SETTING, whole.saved[LATER], ())
    yield f"resumed a second time, step {AGAIN}", AGAIN, resumable.run(SETTING, once.saved[AGAIN], ())
    where = f"resumed once more from the save of step {LATER}"
    yield where, LATER, resumable.run(SETTING, whole.saved[LATER], ())


def _singly(resumable: Resumable) -> str:
    """What is wrong with a run in micro-batches of one that is taken up; empty if nothing is."""
    whole = resumable.run(SINGLE, None, (INSIDE,))
    if INSIDE not in whole.saved:
        return f"nothing was saved at step {INSIDE}, with micro-batches of one"
    ran = resumable.run(SINGLE, whole.saved[INSIDE], ())
    fault = next(differences(whole, INSIDE, ran), "")
    return fault and f"in micro-batches of one, resumed at step {INSIDE}: {fault}"


def _long(resumable: Resumable) -> str:
    """What is wrong with a run whose passes have many steps; empty if nothing is."""
    whole = resumable.run(LONG, None, (MIDDLE, SECOND))
    if fault := _passes(LONG, whole):
        return fault
    if (first := _order(LONG, whole, 0)) == _order(LONG, whole, 1):
        return f"two passes have one order: {','.join(map(str, first))}"
    for at in (MIDDLE, SECOND):
        if at not in whole.saved:
            return f"nothing was saved at step {at} of {LONG.steps}"
        if fault := next(differences(whole, at, resumable.run(LONG, whole.saved[at], ())), ""):
            return f"resumed at step {at} of {LONG.steps}: {fault}"
    return ""


def _passes(setting: Setting, whole: Ran) -> str:
    """What is wrong with the passes of a run that was never stopped; empty if nothing is."""
    for epoch in range(setting.steps // setting.steps_per_epoch):
        order = _order(setting, whole, epoch)
        if sorted(order) != list(range(setting.size)):
            return f"pass {epoch + 1} over {setting.size} samples takes {','.join(map(str, order))}"
    return ""


def _order(setting: Setting, whole: Ran, epoch: int) -> list[int]:
    taken = whole.taken[epoch * setting.steps_per_epoch : (epoch + 1) * setting.steps_per_epoch]
    return [sample for one in taken for sample in one.samples]


def _stops(resumable: Resumable, whole: Ran) -> str:
    """What is wrong with how a run ends, asked or not; empty if nothing is."""
    if whole.began not in ("", ANEW):
        return f"a run that was never stopped says that it was {whole.began}"
    # one that says how it began says how it ended
    if whole.ended not in ("" if not whole.began else FINISHED, FINISHED):
        return f"a run that took all its steps says that it was {whole.ended or 'nothing'}"
    stopped = resumable.stopped(SETTING, LATER)
    if stopped is None:
        return ""
    if len(stopped.taken) != LATER:
        return f"asked to end at step {LATER}, it ends after step {len(stopped.taken)}"
    if stopped.ended not in ("", STOPPED):
        return f"asked to end at step {LATER}, it says that it was {stopped.ended}"
    if LATER not in stopped.saved:
        return f"asked to end at step {LATER}, it saves nothing"
    ran = resumable.run(SETTING, stopped.saved[LATER], ())
    fault = next(differences(whole, LATER, ran), "")
    return fault and f"resumed after it was asked to end: {fault}"


def _mistakes(resumable: Resumable, whole: Ran) -> str:
    if not resumable.knows_its_data:
        return ""
    others = {
        "less data": replace(SETTING, size=SETTING.size - 1),
        "other data": replace(SETTING, other=True),
        "other steps": replace(SETTING, accumulation=SETTING.accumulation + 1),
    }
    for what, setting in others.items():
        try:
            resumable.run(setting, whole.saved[LATER], ())
        except UserError:
            continue
        return f"it goes on with {what} than it began with"
    return ""


def _returns(resumable: Resumable, whole: Ran) -> str:
    """What is wrong with a run that goes back to an earlier save; empty if nothing is, or it cannot."""
    went: Callable[[Setting, int, int], Ran] | None = getattr(resumable, "went_back", None)
    if went is None:
        return ""
    ran = went(SETTING, LATER, BOUNDARY)
    where = f"gone back from step {LATER} to step {BOUNDARY}"
    if len(ran.taken) != SETTING.steps:
        return f"{where}: {len(ran.taken)} steps count, not {SETTING.steps}"
    for step, (got, rated) in enumerate(zip(ran.taken, whole.taken, strict=True)):
        if got.rate != rated.rate:
            return f"{where}: learning rate {got.rate:.4g} at step {step + 1}, never gone back {rated.rate:.4g}"
        place = step if step < BOUNDARY else step + LATER - BOUNDARY
        if place < len(whole.taken) and got.samples != whole.taken[place].samples:
            return f"{where}: step {step + 1} takes samples {_numbers(got)}, not {_numbers(whole.taken[place])}"
    again = resumable.run(SETTING, ran.saved[BOUNDARY], ())
    fault = next(differences(ran, BOUNDARY, again), "")
    return fault and f"{where}, and taken up from there: {fault}"


def _draws(resumable: Resumable) -> str:
    """What is wrong with what several processes draw after a save; empty if nothing is, or there is but one."""
    drawn: Callable[[], Sequence[Drawn]] | None = getattr(resumable, "drawn", None)
    every = drawn() if drawn else ()
    for number, one in enumerate(every):
        if not torch.equal(one.after, one.again):
            return f"process {number} of {len(every)} does not go on drawing as it would have"
    for told in ("after", "alone"):
        if len({tuple(getattr(one, told).tolist()) for one in every}) < len(every):
            where = " after the save of one" if told == "alone" else ""
            return f"{len(every)} processes draw the same{where}"
    return ""


def differences(whole: Ran, at: int, ran: Ran) -> Iterator[str]:
    """Say what is not as in the run that was never stopped, from ``at`` steps on, the nearest to the cause first."""
    live, owned = [id(p) for p in ran.live.values()], [id(p) for p in ran.owned]
    if sorted(live) != sorted(owned):
        common = len(set(live) & set(owned))
        yield f"the optimizer owns {common} of {len(live)} live tensors, and {len(owned) - common} others"
    expected = whole.taken[at:]
    if len(ran.taken) != len(expected):
        yield f"{len(ran.taken)} steps taken, not {len(expected)}"
    both = list(enumerate(zip(expected, ran.taken, strict=False), at + 1))
    for step, (right, got) in both:
        if got.samples != right.samples:
            yield f"step {step} takes samples {_numbers(got)}, never stopped {_numbers(right)}"
    for step, (right, got) in both:
        if got.rate != right.rate:
            yield f"learning rate {got.rate:.4g} at step {step}, never stopped {right.rate:.4g}"
    for step, (right, got) in both:
        if got.loss != right.loss:
            yield f"loss {got.loss:.6g} at step {step}, never stopped {right.loss:.6g}"
    if apart := distance(whole.weights, ran.weights):
        yield f"the weights end {apart:.2g} of their size apart"
    if apart := distance(whole.moments, ran.moments):
        yield f"the optimizer's state ends {apart:.2g} of its size apart"


def _numbers(taken: Taken) -> str:
    return ",".join(map(str, taken.samples))


def distance(right: Mapping[str, Tensor], got: Mapping[str, Tensor]) -> float:
    """Return the norm of the difference over the norm of the whole; 0 only if every bit is the same.

    Infinite if a tensor came, went or changed its shape or type.
    """
    kinds = [{name: (t.shape, t.dtype) for name, t in of.items()} for of in (right, got)]
    if kinds[0] != kinds[1]:
        return float("inf")
    if all(torch.equal(tensor, got[name]) for name, tensor in right.items()):
        return 0.0
    change = torch.stack([(got[name].double() - tensor.double()).norm() for name, tensor in right.items()]).norm()
    whole = torch.stack([tensor.double().norm() for tensor in right.values()]).norm()
    apart = float(change / whole.clamp_min(1e-30))
    return apart if apart > 0 else float("inf")
