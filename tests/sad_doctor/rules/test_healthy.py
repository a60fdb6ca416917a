"""Healthy runs of many shapes raise no alarm; the same runs with one fault do."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from sad_doctor import names
from sad_doctor.check import check
from sad_doctor.finding import Level
from sad_doctor.run import Column, Event, Floats, Run

SEEDS = range(40)


@dataclass(frozen=True)
class World:
    """The luck of one run: how long, how noisy, how far it got."""

    rng: np.random.Generator
    step: Floats
    total: int

    @property
    def progress(self) -> Floats:
        return self.step / self.total

    def noisy(self, values: Floats, spread: float) -> Floats:
        """Batches differ by a factor; heavy tails now and then."""
        factor = np.exp(spread * self.rng.standard_t(5, self.step.size) / 1.3)
        return values * factor

    def falling(self, start: float, end: float) -> Floats:
        """A power law with an early fast part, as losses fall."""
        speed = self.rng.uniform(8, 60)
        power = self.rng.uniform(0.3, 0.8)
        curve = (1 + speed * self.progress) ** -power
        last = (1 + speed) ** -power
        return end + (start - end) * (curve - last) / (1 - last)

    def learning_rate(self, floor: float) -> Floats:
        warm = self.rng.choice([0.0, 0.03, 0.1])
        rise = np.minimum(1, self.progress / warm) if warm else np.ones_like(self.step)
        cosine = 0.5 * (1 + np.cos(np.pi * np.clip((self.progress - warm) / (1 - warm), 0, 1)))
        peak = 10 ** self.rng.uniform(-5, -2.5)
        return peak * rise * (floor + (1 - floor) * cosine)


def world(seed: int) -> World:
    """Short and long runs, logged densely and sparsely, finished or looked at on the way."""
    rng = np.random.default_rng(seed)
    total = int(rng.choice([5, 12, 20, 60, 200, 1000, 8000, 40000]))
    every = max(1, total // int(rng.choice([20, 60, 400, 2000])))
    reached = total if rng.random() < 0.5 else max(1, int(total * rng.uniform(0.05, 1)))
    step = np.arange(0 if rng.random() < 0.3 else every, reached + 1, every, dtype=np.float64)
    return World(rng, step if step.size else np.array([float(reached)]), total)


def run_of(w: World, columns: dict[str, Column], **facts: object) -> Run:
    events = (Event(names.EVENT_START, "start", 0.0),)
    return Run("healthy", "test", Path("healthy"), columns, events, {names.TOTAL_STEPS: w.total, **facts})


def evaluations(w: World, loss: Floats, lm: Floats, digits: int | None) -> dict[str, Column]:
    """About ten evaluations, less noisy than batches."""
    at = np.unique(np.linspace(0, w.step.size - 1, min(10, w.step.size)).astype(int))
    calm = np.exp(0.002 * w.rng.standard_normal(at.size))
    shown = rounder(digits)
    return {
        names.EVAL_LOSS: Column(w.step[at], shown(loss[at] * calm)),
        names.EVAL_LM_LOSS: Column(w.step[at], shown(lm[at] * calm)),
        names.EVAL_PERPLEXITY: Column(w.step[at], shown(np.exp(lm[at] * calm))),
    }


def rounder(digits: int | None) -> Callable[[Floats], Floats]:
    """Significant digits, as loggers print them."""
    if digits is None:
        return lambda values: values
    return lambda values: np.array([float(f"{v:.{digits}g}") for v in values])


def of_sad_train(seed: int) -> Run:
    """Full precision; raw, weight and weighted; layerwise starts near 2 and holds 10 to 50% of the loss."""
    w = world(seed)
    kd, lm = w.falling(w.rng.uniform(3, 6), w.rng.uniform(0.8, 2)), w.falling(w.rng.uniform(7, 11), 4.0)
    layer = w.falling(2.03, w.rng.uniform(0.5, 1.4))
    share = w.rng.uniform(0.1, 0.5)
    weights = {"kd": 1.0, "lm": float(w.rng.choice([0.3, 1.0]))}
    weights["layerwise"] = share / (1 - share) * (kd[0] + weights["lm"] * lm[0]) / 2.03
    noise = w.noisy(np.ones(w.step.size), 0.05)
    raw = {"kd": w.noisy(kd, 0.1) * noise, "lm": w.noisy(lm, 0.05) * noise, "layerwise": w.noisy(layer, 0.01)}
    columns, total = {}, np.zeros(w.step.size)
    for term, values in raw.items():
        columns[names.RAW + term] = Column(w.step, values)
        columns[names.WEIGHT + term] = Column(w.step, np.full(w.step.size, weights[term]))
        columns[names.WEIGHTED + term] = Column(w.step, values * weights[term])
        total = total + values * weights[term]
    columns[names.LOSS] = Column(w.step, total.astype(np.float32).astype(np.float64))
    columns[names.LEARNING_RATE] = Column(w.step, w.learning_rate(0.1))
    columns[names.GRAD_NORM] = Column(w.step, w.noisy(np.ones(w.step.size), 0.5))
    columns[names.UPDATE_RATIO] = Column(w.step, w.noisy(np.full(w.step.size, 1e-3), 0.3))
    smooth = kd + weights["lm"] * lm + weights["layerwise"] * layer
    return run_of(w, {**columns, **evaluations(w, smooth * 1.02, lm * 1.02, None)}, events=True)


def of_shares(seed: int) -> Run:
    """A controller holds 47/27/20/6 by moving the weights; the layerwise part may be far above 2 for that."""
    w = world(seed)
    smooth = w.falling(w.rng.uniform(8, 40), 5)
    whole = w.noisy(smooth, 0.08)
    targets = {"kd": 0.47, "layerwise": 0.27, "lm": 0.2, "contrastive": 0.06}
    raw = {
        "kd": w.falling(5, 1),
        "layerwise": w.falling(2.05, 0.8),
        "lm": w.falling(9, 4),
        "contrastive": w.falling(3, 2),
    }
    columns = {}
    held = {term: w.noisy(np.full(w.step.size, share), 0.1) for term, share in targets.items()}
    scale = sum(held.values())
    for term, share in held.items():
        part = whole * share / scale
        columns[names.WEIGHTED + term] = Column(w.step, part)
        columns[names.RAW + term] = Column(w.step, raw[term])
        columns[names.WEIGHT + term] = Column(w.step, part / raw[term])
    columns[names.LOSS] = Column(w.step, whole)
    columns[names.LEARNING_RATE] = Column(w.step, w.learning_rate(0.0))
    columns |= evaluations(w, smooth * 1.05, raw["lm"], None)
    return run_of(w, columns, events=True)


def of_a_console(seed: int) -> Run:
    """Four decimals, tiny batches, the LM term owns the loss; a curriculum lets KD in."""
    w = world(seed)
    ramp = np.clip(w.progress / w.rng.uniform(0.1, 0.5), 0, 1)
    smooth = w.falling(w.rng.uniform(5, 10), 3)
    soft = w.falling(5, 2) * ramp * w.rng.uniform(0.1, 0.5)
    lm, kd = np.round(w.noisy(smooth, 0.3), 4), np.round(w.noisy(soft, 0.3), 4)
    columns = {
        names.LOSS: Column(w.step, np.round(lm + kd, 4)),
        names.WEIGHTED + "lm": Column(w.step, lm),
        names.WEIGHTED + "kd": Column(w.step, kd),
        names.WEIGHTED + "load_balance": Column(w.step, np.zeros(w.step.size)),
        names.LEARNING_RATE: Column(w.step, rounder(4)(w.learning_rate(0.0))),
    }
    return run_of(w, {**columns, **evaluations(w, 1.2 * (smooth + soft), smooth, 6)}, events=True)


def of_hugging_face(seed: int) -> Run:
    """Four significant digits, one loss, a decay to exactly 0, a loss scale that overflows at first; no parts."""
    w = world(seed)
    start = w.rng.choice([1.6, 3.0, 9.0])
    smooth = w.falling(start, start * w.rng.uniform(0.6, 0.93))
    norm = w.noisy(np.full(w.step.size, 2.0), 0.6)
    norm[: int(w.rng.integers(0, 3))] = np.inf
    rate = w.learning_rate(0.0)
    if w.step[-1] == w.total:
        rate[-1] = 0
    columns = {
        names.LOSS: Column(w.step, rounder(4)(w.noisy(smooth, w.rng.choice([0.02, 0.2])))),
        names.LEARNING_RATE: Column(w.step, rounder(4)(rate)),
        names.GRAD_NORM: Column(w.step, norm if w.step.size > 4 else np.ones(w.step.size)),
    }
    shown = evaluations(w, smooth * 1.05, smooth * 1.05, 4)
    return run_of(w, {**columns, names.EVAL_LOSS: shown[names.EVAL_LOSS]})


def of_a_table(seed: int) -> Run:
    """Parts that nobody called weighted, weights of 1, no schedule, no evaluation; now and then a spike."""
    w = world(seed)
    ce, kl = w.noisy(w.falling(8, 4), 0.1), w.noisy(w.falling(4, 1), 0.2)
    ce[w.rng.random(ce.size) < 0.005] *= 2.5
    columns = {
        names.LOSS: Column(w.step, ce + kl),
        names.RAW + "ce": Column(w.step, ce),
        names.RAW + "kd": Column(w.step, kl),
    }
    return replace(run_of(w, columns), facts={})


KINDS = (of_sad_train, of_shares, of_a_console, of_hugging_face, of_a_table)


def cut_short(run: Run) -> Run:
    """A part from the beginning, and nothing says how long the run will be."""
    share = np.random.default_rng(len(run.columns[names.LOSS])).uniform(0.05, 1)
    end = run.first_step + share * (run.last_step - run.first_step)
    cut = {name: Column(c.step[c.step <= end], c.value[c.step <= end]) for name, c in run.columns.items()}
    return replace(run, columns=cut, facts={k: v for k, v in run.facts.items() if k != names.TOTAL_STEPS})


@pytest.mark.parametrize("part", [lambda run: run, cut_short], ids=["whole", "cut short"])
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("seed", SEEDS)
def test_healthy_run_raises_no_alarm(kind, seed, part):
    report = check(part(kind(seed)))

    assert not report.crashed
    assert [f for f in report.findings if f.level > Level.INFO] == []
    assert report.passed


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


def long_enough(run: Run) -> bool:
    """Far enough, and logged often enough, for every rule to judge."""
    far = run.last_step > 6000 and run.last_step >= 0.6 * (run.fact(names.TOTAL_STEPS) or 0)
    return far and len(run.columns[names.LOSS]) >= 100


@pytest.mark.parametrize("code", FAULTS)
@pytest.mark.parametrize("seed", SEEDS[:10])
def test_one_fault_is_seen(code, seed):
    tries = (of_sad_train(seed + 1000 * i) for i in range(1000))
    healthy = next(run for run in tries if long_enough(run))

    report = check(FAULTS[code](healthy))

    assert code in {finding.rule for finding in report.findings}
