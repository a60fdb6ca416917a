"""A healthy run with one fault raises the flag of that fault."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from healthy_runs import of_everything, of_sad_train

from sad_doctor import names
from sad_doctor.check import check
from sad_doctor.run import Column, Event, Floats, Run

SEEDS = range(6)


def changed(run: Run, **columns: Callable[[Floats], Floats]) -> Run:
    """Apply a function to the values of some columns; ``eval__loss`` stands for ``eval/loss``."""
    new = dict(run.columns)
    for key, change in columns.items():
        name = key.replace("__", "/")
        new[name] = Column(new[name].step, change(new[name].value.copy()))
    return replace(run, columns=new)


def without(run: Run, *prefixes: str) -> Run:
    return replace(run, columns={n: c for n, c in run.columns.items() if not n.startswith(prefixes)})


def from_the_middle(value: float) -> Callable[[Floats], Floats]:
    return lambda values: np.where(np.arange(values.size) < values.size // 2, values, value)


def frozen(run: Run) -> Run:
    still = {n.replace("/", "__"): (lambda v: np.full(v.size, v[0])) for n in run.columns if n.startswith("eval/")}
    return changed(run, **still, train__lr=np.zeros_like)


def flat(run: Run) -> Run:
    def early(values: Floats) -> Floats:
        noise = np.random.default_rng(0).standard_normal(values.size)
        return np.maximum(values, np.quantile(values, 0.95)) * (1 + 0.001 * noise)

    return changed(without(run, "train/raw", "train/weight", "eval"), train__loss=early)


def diverging(run: Run) -> Run:
    """From a third of the way on every loss climbs by ln(49,152)."""
    up = {n.replace("/", "__"): climbing for n in run.columns if n.startswith((names.RAW, names.WEIGHTED, names.LOSS))}
    return changed(without(run, "eval"), **up)


def climbing(values: Floats) -> Floats:
    return values + 10.8 * np.clip((np.linspace(0, 1, values.size) - 0.33) / 0.3, 0, 1)


def mislabelled(run: Run) -> Run:
    columns = {n: c for n, c in run.columns.items() if not n.startswith((names.RAW, names.WEIGHTED))}
    raw = {names.RAW + term: column for term, column in run.terms(names.WEIGHTED).items()}
    return replace(run, columns={**columns, **raw})


def of_the_total(run: Run) -> Run:
    total = changed(run, eval__loss=lambda v: v + 5)
    loss = total.columns[names.EVAL_LOSS]
    return replace(total, columns={**total.columns, names.EVAL_PERPLEXITY: Column(loss.step, np.exp(loss.value))})


def crashed(run: Run) -> Run:
    return replace(run, events=(*run.events, Event(names.EVENT_CRASH, "CUDA out of memory", run.last_step)))


LAYERS = ("train__raw__layerwise", "train__weighted__layerwise")
FAULTS: dict[str, Callable[[Run], Run]] = {
    "R101": frozen,
    "R102": lambda run: changed(without(run, "eval"), train__lr=from_the_middle(0)),
    "R103": flat,
    "R105": diverging,
    "R201": lambda run: changed(without(run, "train/raw", "train/weight"), train__loss=lambda v: 8 * v),
    "R202": lambda run: changed(run, **dict.fromkeys(LAYERS, lambda v: 1600 * v)),
    "R203": lambda run: changed(run, train__weighted__layerwise=lambda v: 100 * v),
    "R204": lambda run: changed(run, train__loss=lambda v: 1.3 * v),
    "R205": mislabelled,
    "R301": lambda run: changed(run, eval__perplexity=lambda v: np.full(v.size, 485165195.41)),
    "R302": of_the_total,
    "R303": lambda run: changed(run, eval__perplexity=lambda v: np.maximum(v, 1500)),
    "R304": lambda run: changed(run, eval__loss=lambda v: 2.2 * v),
    "R401": lambda run: changed(run, train__loss=from_the_middle(np.nan)),
    "R402": lambda run: changed(run, train__grad_norm=from_the_middle(np.nan)),
    "R403": lambda run: changed(run, train__loss=from_the_middle(0)),
    "R501": crashed,
    "R502": lambda run: replace(run, facts={**run.facts, "status": "running", "heartbeat": 0.0, "seen": 1e5}),
}


def squeezed(values: Floats) -> Floats:
    """Three full swings of a third of the level."""
    return values * (1 + 0.35 * np.sin(np.linspace(0, 12 * np.pi, values.size)))


def swinging(run: Run) -> Run:
    terms = [n for n in run.columns if n.startswith((names.RAW, names.WEIGHTED, names.LOSS))]
    return changed(without(run, "eval"), **{n.replace("/", "__"): squeezed for n in terms})


def flat_kd(run: Run) -> Run:
    still = lambda v: np.median(v) * (1 + 0.01 * np.random.default_rng(0).standard_normal(v.size))  # noqa: E731
    return changed(without(run, "eval"), train__raw__kd=still, train__weighted__kd=still)


def rising_labels(run: Run) -> Run:
    return changed(without(run, "eval"), train__raw__lm=lambda v: v[0] + np.linspace(0, 3, v.size))


def by_weights(run: Run) -> Run:
    """The terms stay where they began, and every weight falls to a third."""
    flat = {n.replace("/", "__"): (lambda v: np.full(v.size, v[0])) for n in run.columns if n.startswith(names.RAW)}
    falling = {
        n.replace("/", "__"): (lambda v: v * np.linspace(1, 0.3, v.size)) for n in run.columns if "/weight/" in n
    }
    return changed(without(run, "eval", names.WEIGHTED), **flat, **falling)


def resumed_anew(run: Run) -> Run:
    """After two thirds everything begins again from the first record."""

    def again(values: Floats) -> Floats:
        at = 2 * values.size // 3
        return np.concatenate((values[:at], values[: values.size - at]))

    losses = [n for n in run.columns if n.startswith((names.RAW, names.WEIGHTED, names.LOSS))]
    seam = float(run.columns[names.LOSS].step[2 * len(run.columns[names.LOSS]) // 3 - 1])
    event = Event(names.EVENT_RESUME, "go on", seam)
    broken = changed(without(run, "eval"), **{n.replace("/", "__"): again for n in losses})
    return replace(broken, events=(*run.events, event))


def rising(values: Floats) -> Floats:
    """Down to the middle, then up by half."""
    return np.concatenate(
        (values[: values.size // 2], np.linspace(1.1, 1.5, values.size - values.size // 2) * values.min())
    )


def probed_twice(run: Run) -> Run:
    first = run.columns[names.TEACHER_EVAL_LM_LOSS].value[0]
    twice = Column(np.array([0.0, run.last_step]), np.array([first, 1.1 * first]))
    return replace(run, columns={**run.columns, names.TEACHER_EVAL_LM_LOSS: twice})


def long_sums(run: Run) -> Run:
    length = run.columns[names.LENGTH].value
    return changed(run, train__raw__layerwise=lambda v: v * length / length.mean())


RICH: dict[str, Callable[[Run], Run]] = {
    "R106": swinging,
    "R107": lambda run: changed(run, train__grad_norm=lambda v: 200 * v),
    "R108": lambda run: changed(run, train__grad_norm=from_the_middle(1e-9)),
    "R206": lambda run: changed(run, train__raw__kd=lambda v: v - 10),
    "R207": flat_kd,
    "R208": rising_labels,
    "R209": lambda run: changed(run, train__raw__kd=from_the_middle(0), train__weighted__kd=from_the_middle(0)),
    "R210": long_sums,
    "R211": by_weights,
    "R212": lambda run: changed(run, train__grad_share__layerwise=lambda v: np.full(v.size, 0.95)),
    "R213": lambda run: changed(run, train__coverage=lambda v: 0.3 * v),
    "R214": lambda run: changed(run, train__teacher_lm_loss=lambda v: v + 6),
    "R305": lambda run: changed(run, eval__lm_loss=rising),
    "R306": lambda run: changed(run, eval__lm_loss=lambda v: v + 12, train__raw__lm=lambda v: v + 12),
    "R307": probed_twice,
    "R308": lambda run: changed(run, train__teacher_entropy=lambda v: 0 * v + 10.7),
    "R309": lambda run: changed(run, eval__lm_loss=lambda v: v[::-1]),
    "R310": lambda run: changed(run, eval__perplexity=lambda v: 2 ** np.log(v)),
    "R311": lambda run: changed(run, eval__lm_loss=lambda v: 0.02 * v),
    "R312": lambda run: changed(run, eval__lm_loss=lambda v: np.full(v.size, v[0])),
    "R503": lambda run: changed(run, train__tokens_per_second=from_the_middle(900)),
    "R504": lambda run: changed(run, train__memory_bytes=lambda v: v + np.linspace(0, 8e9, v.size)),
    "R505": resumed_anew,
}


def long_enough(run: Run) -> bool:
    """Far enough, and logged often enough, for every rule to judge."""
    far = run.last_step > 6000 and run.last_step >= 0.6 * (run.fact(names.TOTAL_STEPS) or 0)
    return far and len(run.columns[names.LOSS]) >= 1000


@cache
def drawn(kind: Callable[[int], Run], seed: int) -> Run:
    tries = (kind(seed + 1000 * i) for i in range(1000))
    return next(run for run in tries if long_enough(run))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    ("code", "fault", "kind"),
    [
        *((code, fault, of_sad_train) for code, fault in FAULTS.items()),
        *((code, fault, of_everything) for code, fault in RICH.items()),
    ],
)
def test_one_fault_is_seen(code, fault, kind, seed):
    report = check(fault(drawn(kind, seed)))

    assert not report.crashed
    assert code in {finding.rule for finding in report.findings}
