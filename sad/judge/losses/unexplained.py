"""What is said of a loss that no formula explains: what it is after all, or what is wrong with it."""

from __future__ import annotations

import re
from dataclasses import replace

import torch.nn.functional as F

from sad.judge.losses.axes import along
from sad.judge.losses.call import Call
from sad.judge.losses.context import source, with_helpers
from sad.judge.losses.coupling import RELATED, contrasts
from sad.judge.losses.discover import explained
from sad.judge.losses.families import FORWARD
from sad.judge.losses.found import Found
from sad.judge.losses.label_loss import beside_at_equal
from sad.judge.losses.sample import ACCEPTED, Sample, fit, given, sample, shown, slope_of
from sad.judge.losses.weighted import undetached
from sad.subjects.divergence import Given
from sad.verdict import Standing, Verdict

ZERO = 1e-4
"""Of the gradient's norm at equal logits against that at ordinary ones: float32 and epsilons leave up to 1e-6."""
TRIES = 8
STEP = 1e-3
NEXT, NEAR = 1e-3, 0.05
"""How far from the teacher «next to it» is, and the share of the usual gradient that a divergence has left there."""
OF_LOGITS = re.compile(r"softmax|logit|prob|kl|entropy|labels", re.IGNORECASE)
"""What is in the source of a loss of logits."""
RANKED = re.compile(r"list_?mle|plackett|list_?net|rank_?net|lambda_?rank|margin_?rank|pairwise.rank", re.IGNORECASE)
"""Where a source says that it ranks."""
FOCAL = re.compile(r"focal", re.IGNORECASE)
"""Where a source says that easy rows weigh less, by a weight that is trained with them (arXiv 1708.02002)."""
LIKELIEST = re.compile(r"\btop_?k\(")
IN_ORDER = re.compile(r"\bsort\w*(?!\w*\s*=)|\buld|universal|wasserstein|transport|\bin order\b|\brank", re.IGNORECASE)
"""Where a source says that it compares probabilities in order, whatever their tokens are."""
SMALL = 0.1
WEIGHT = re.compile(r"weight|difficult|adaptive|importance|\bgap|\bhard|\bw\b", re.IGNORECASE)
"""Where the source of a loss speaks of weights."""
SLOPE = 2e-2
"""Relative, between a directional derivative and a difference over STEP in float32."""


def unexplained(found: Found) -> Verdict:
    """Judge a loss that is no known divergence: it must be least and flat where student equals teacher."""
    if found.label_loss:
        says = f"{found.label_loss}; no divergence, so only what asks no teacher is judged"
        return Verdict(True, says, standing=Standing.ALLOWED)
    call, of, near = found.shape.call, found.shape.sample, found.notes[0]
    teacher = of.given.teacher_logits
    equal = sample(call, replace(of.given, student_logits=teacher.clone()))
    norm, usual = float(equal.gradient.norm()), float(of.gradient.norm())
    numbers = {"gradient at equal logits": norm, "usual gradient": usual, "value at equal logits": equal.value}
    numbers["unexplained"] = found.shape.fit.residual
    if verdict := _shifted(found, numbers) or _weighted(found, numbers):
        return verdict
    if says := along(of, call) or _of_no_token(of, call):
        return Verdict(False, says, numbers, example=shown(of.given))
    example = f"student = teacher: {shown(of.given)}"
    if norm != norm or equal.value != equal.value:
        says = f"not finite where student equals teacher{_close_by(call, of.given, usual)}"
        return Verdict(False, f"{says}; {near}", numbers, example=example)
    if norm > ZERO * usual:
        verdict = _contrasting(call, of.given, equal.value) or _pulling(call, equal, (norm, usual), near)
        return replace(verdict, numbers=numbers, example="" if verdict.holds else example)
    return _cut_off(found, numbers) or _least(found, equal.value, numbers)


def _shifted(found: Found, numbers: dict[str, float]) -> Verdict | None:
    """A known divergence between a row of the student's and the teacher's before or after it."""
    call, of = found.shape.call, found.shape.sample
    for rows in (1, -1):
        moved = replace(of.given, teacher_logits=of.given.teacher_logits.roll(rows, dims=1))
        beside = explained(replace(of, given=moved), call)
        if beside.good and not beside.family.fault:
            other = f"i {'-' if rows > 0 else '+'} 1"
            says = f"it is {beside.family.name} between the student's row i and the teacher's row {other}"
            return Verdict(False, f"{says}: the two are shifted against each other", numbers, example=shown(of.given))
    return None


def _cut_off(found: Found, numbers: dict[str, float]) -> Verdict | None:
    """A known divergence on small logits alone."""
    call, of = found.shape.call, found.shape.sample
    student, teacher = (SMALL * logits for logits in (of.given.student_logits, of.given.teacher_logits))
    near = explained(sample(call, replace(of.given, student_logits=student, teacher_logits=teacher)), call)
    off = 100 * fit(of, near.family, near.beta, near.labels).residual
    if not near.good or near.family.fault or off <= 100 * ACCEPTED:
        return None
    says = f"on logits a tenth as large it is {near.family.name}, on ordinary ones {off:.3g}% of its gradient"
    why = "is something else: large logits or small probabilities are cut off"
    return Verdict(False, f"{says} {why}", numbers, example=shown(of.given))


def _least(found: Found, equal: float, numbers: dict[str, float]) -> Verdict:
    """Whether it is least at equal logits, where it is ``equal``; by its gradient where its value does not say."""
    call, of, near = found.shape.call, found.shape.sample, found.notes[0]
    seeds = range(1, TRIES + 1)
    lowest = min(_above(call, of.given, seed, equal) for seed in seeds)
    numbers["least above"] = lowest
    own = _its_own_gradient(call, of.given)
    if lowest <= 0 and not (not own and all(_towards(call, of.given, seed) for seed in seeds)):
        says = f"it is {-lowest:.4g} lower at other logits than where student equals teacher; {near}"
        return Verdict(False, says, numbers, example=shown(of.given))
    if not own:
        near = f"{near}; part of its gradient is held back (its value rises otherwise than its gradient says)"
    says = f"not one that I know, but a divergence: least and flat at student = teacher; {near}"
    return Verdict(True, says, numbers, standing=Standing.ALLOWED)


def _weighted(found: Found, numbers: dict[str, float]) -> Verdict | None:
    """Rows weighted by a number of the student's own that is not detached; where it is a gap only if meant as one."""
    of = found.shape.sample
    weighted = undetached(of, (of.given.beta, 0.5))
    if weighted is None:
        return None
    says = (
        f"it is {weighted.family.name}, its rows weighted by a function of {weighted.feature} that is not detached: "
        f"the weight's part of the gradient is {weighted.share:.3g} times as large as the whole"
    )
    numbers = {**numbers, "the weight's share": weighted.share}
    if FOCAL.search(source(found.shape.call)):
        return Verdict(True, f"{says}, as in a focal loss", numbers, standing=Standing.ALLOWED)
    if weighted.gap and not WEIGHT.search(source(found.shape.call)):
        return Verdict(True, f"{says}; least where the two are equal", numbers, standing=Standing.ALLOWED)
    return Verdict(False, f"{says}; .detach() it", numbers, example=shown(of.given))


def _of_no_token(of: Sample, call: Call) -> str:
    """Say that it takes each model's likeliest tokens by themselves, so that no token is compared with itself."""
    text = source(call)
    if call.hidden or not LIKELIEST.search(text) or IN_ORDER.search(text):
        return ""
    other = sample(call, replace(of.given, student_logits=of.given.student_logits.roll(1, dims=-1)))
    if not float((other.gradient.roll(-1, dims=-1) - of.gradient).norm()) <= ACCEPTED * float(of.gradient.norm()):
        return ""
    return (
        "it does not see which token is which: other tokens of the student's are as good, with the same probabilities"
    )


def _contrasting(call: Call, of: Given, equal: float) -> Verdict | None:
    """Judge a loss in which each row has to be told from others: not flat at student = teacher, but lower there."""
    if not RELATED.search(with_helpers(call)) or not contrasts(sample(call, of), call):
        return None
    above = [_above(call, of, seed, equal) for seed in range(1, TRIES + 1)]
    if not sum(above) > 0:
        return None
    says = (
        "no divergence: it tells each row from others, which push it on at student = teacher; lower there than beside"
    )
    return Verdict(True, says, standing=Standing.ALLOWED)


def _pulling(call: Call, equal: Sample, norms: tuple[float, float], near: str) -> Verdict:
    """Judge a gradient that is there where student equals teacher: a label loss beside it, features, or a fault."""
    norm, usual = norms
    if beside_at_equal(equal):
        says = "not one that I know; at student = teacher nothing of its gradient is left but a loss on the labels"
        return Verdict(True, f"{says}; {near}", standing=Standing.ALLOWED)
    if _of_hard_labels(equal):
        says = "no divergence: the cross-entropy with the teacher's likeliest token, hard labels"
        return Verdict(True, says, standing=Standing.ALLOWED)
    if not call.reading.ordered and not OF_LOGITS.search(source(call)):
        says = "no divergence: it is not flat where both are equal; a loss of features may be so, one of logits not"
        return Verdict(True, f"{says}; {near}", standing=Standing.ALLOWED)
    if RANKED.search(source(call)):
        says = "no divergence: a loss of an order, which many logits have beside the teacher's"
        return Verdict(True, f"{says}; {near}", standing=Standing.ALLOWED)
    size = f"gradient's norm {norm:.3g} at student = teacher ({usual:.3g} elsewhere)"
    return Verdict(False, f"it pulls the student away from its teacher: {size}; {near}")


def _of_hard_labels(of: Sample) -> bool:
    """Whether the gradient of every row is that of a cross-entropy with the teacher's likeliest token."""
    teacher = of.given.teacher_logits
    hard = F.one_hot(teacher.argmax(dim=-1), teacher.shape[-1])
    slope = of.given.student_logits.softmax(dim=-1) - hard
    weight = (of.gradient * slope).sum(dim=-1, keepdim=True) / slope.square().sum(dim=-1, keepdim=True)
    apart = float((of.gradient - weight * slope).norm())
    return bool((weight >= 0).all()) and apart <= ACCEPTED * float(of.gradient.norm())


def _close_by(call: Call, of: Given, usual: float) -> str:
    """Say that it pulls the student away where it is next to its teacher; '' where it does not."""
    other = given(1, labels=of.labels is not None).student_logits
    beside = replace(of, student_logits=of.teacher_logits + NEXT * (other - of.teacher_logits))
    norm = float(sample(call, beside).gradient.norm())
    if not norm > NEAR * usual:
        return ""
    return (
        f", and next to it its gradient's norm is {norm:.3g} still ({usual:.3g} elsewhere): it pulls the student away"
    )


def _towards(call: Call, of: Given, seed: int) -> bool:
    """Whether a step down its gradient comes nearer to the teacher: the value of a held-back target does not say."""
    other = given(seed, labels=of.labels is not None).student_logits
    away = replace(of, student_logits=of.teacher_logits + 0.3 * (other - of.teacher_logits))
    slope = slope_of(away.student_logits, away.teacher_logits, FORWARD, 0.5, (1.0, 1.0))
    return float((sample(call, away).gradient * slope).sum()) > 0


def _above(call: Call, of: Given, seed: int, least: float) -> float:
    other = given(seed, labels=of.labels is not None).student_logits
    away = replace(of, student_logits=of.teacher_logits + 0.3 * (other - of.teacher_logits))
    return sample(call, away).value - least


def _its_own_gradient(call: Call, of: Given) -> bool:
    direction = given(99, labels=False).student_logits
    high, low = (
        sample(call, replace(of, student_logits=of.student_logits + s * direction)).value for s in (STEP, -STEP)
    )
    slope = float((sample(call, of).gradient * direction).sum())
    return abs((high - low) / (2 * STEP) - slope) <= SLOPE * max(abs(slope), 1e-3)
