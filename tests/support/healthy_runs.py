"""Healthy runs of many shapes, drawn by a seed: what a training that works leaves behind, with its ordinary trouble."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from sad_doctor import names
from sad_doctor.run import Column, Event, Floats, Run


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


def schedule(w: World) -> Floats:
    """Cosine, linear, or warm-up, stable and decay; to exactly 0, or not."""
    kind = w.rng.choice(["cosine", "linear", "wsd"])
    if kind == "cosine":
        return w.learning_rate(float(w.rng.choice([0.0, 0.1])))
    peak, warm = 10 ** w.rng.uniform(-5, -2.5), w.rng.choice([0.01, 0.05])
    rise = np.minimum(1, (w.progress + 1e-9) / warm)
    fall = 1 - w.progress if kind == "linear" else np.clip((1 - w.progress) / 0.2, 0, 1)
    return peak * np.minimum(rise, fall)


def knowing(w: World, start: float, end: float) -> tuple[Floats, Floats, Floats]:
    """A label loss, the KL to a teacher that lies below it, and the teacher's own loss on the same batches."""
    teacher = end - w.rng.uniform(0.05, 0.4)
    lm = w.falling(start, end)
    kl = (lm - teacher) * w.rng.uniform(0.7, 1.3)
    batch = np.exp(w.rng.choice([0.02, 0.08]) * w.rng.standard_normal(w.step.size))
    return lm * batch, w.noisy(kl, 0.08), teacher * batch


def of_everything(seed: int) -> Run:
    """Every column that there is: the teacher, lengths, memory that settles, a machine that others use too."""
    w = world(seed)
    lm, kd, teacher = knowing(w, w.rng.uniform(6, 11), w.rng.uniform(2.5, 4))
    length = w.rng.choice([30.0, 200.0]) * np.exp(0.4 * w.rng.standard_normal(w.step.size))
    layer = w.noisy(w.falling(2.0, 0.7), 0.02)
    lm = lm * (length / length.mean()) ** -0.05
    weights, raw = {"kd": 1.0, "lm": 0.5, "layerwise": 0.3}, {"kd": kd, "lm": lm, "layerwise": layer}
    columns = {names.RAW + t: Column(w.step, v) for t, v in raw.items()}
    columns |= {names.WEIGHT + t: Column(w.step, np.full(w.step.size, weights[t])) for t in raw}
    columns |= {names.WEIGHTED + t: Column(w.step, v * weights[t]) for t, v in raw.items()}
    total = sum(v * weights[t] for t, v in raw.items())
    busy = np.where(w.rng.random(w.step.size) < 0.2, 0.55, 1.0)
    columns |= {
        names.LOSS: Column(w.step, np.asarray(total, dtype=np.float64)),
        names.LEARNING_RATE: Column(w.step, schedule(w)),
        names.GRAD_NORM: Column(w.step, w.noisy(np.full(w.step.size, w.rng.uniform(0.3, 6)), 0.5)),
        names.UPDATE_RATIO: Column(w.step, w.noisy(np.full(w.step.size, 3e-4), 0.3)),
        names.LENGTH: Column(w.step, length),
        names.TEACHER_LOSS: Column(w.step, teacher),
        names.TEACHER_ENTROPY: Column(w.step, teacher * w.rng.uniform(0.9, 1.1)),
        names.COVERAGE: Column(w.step, np.clip(w.noisy(np.full(w.step.size, 0.8), 0.02), 0, 1)),
        names.TOKENS_PER_SECOND: Column(w.step, w.noisy(9000 * busy, 0.1)),
        names.MEMORY: Column(
            w.step, 4e9 * (1 - 0.3 * np.exp(-w.progress * 20)) + 2e7 * w.rng.standard_normal(w.step.size)
        ),
        names.MEMORY_DEVICE: Column(w.step, np.maximum.accumulate(6e9 + 2e8 * np.log(length))),
        names.TIME: Column(w.step, 1.7e9 + np.cumsum(w.noisy(np.full(w.step.size, 2.0), 0.2))),
    }
    for term, share in (("kd", 0.45), ("lm", 0.35), ("layerwise", 0.2)):
        columns[names.GRAD_SHARE + term] = Column(w.step[::10], w.noisy(np.full(w.step.size, share), 0.2)[::10])
    columns[names.TEACHER_EVAL_LM_LOSS] = Column(
        np.zeros(1), np.array([np.median(teacher) * w.rng.uniform(0.98, 1.02)])
    )
    at = np.unique(np.linspace(0, w.step.size - 1, min(10, w.step.size)).astype(int))
    trend, creep = np.minimum.accumulate(lm)[at], 1 - 1e-3 * np.arange(at.size)
    columns[names.EVAL_LM_LOSS] = Column(w.step[at], trend * creep * 1.05)
    columns[names.EVAL_PERPLEXITY] = Column(w.step[at], np.exp(trend * creep * 1.05))
    columns[names.EVAL_KL] = Column(
        w.step[at], np.interp(w.progress[at], w.progress, np.minimum.accumulate(kd)) * creep
    )
    return run_of(w, columns, events=True, vocabulary_size=49152, config={"train": {"clip": 1.0}})


def of_kd_alone(seed: int) -> Run:
    """No label loss; a large vocabulary and a temperature squared in the value; seldom evaluated."""
    w = world(seed)
    kd = w.falling(w.rng.uniform(8, 14), w.rng.uniform(2, 5))
    columns = {
        **dict.fromkeys((names.LOSS, names.RAW + "kd"), Column(w.step, w.noisy(kd, w.rng.choice([0.05, 0.3])))),
        names.LEARNING_RATE: Column(w.step, schedule(w)),
        names.GRAD_NORM: Column(w.step, w.noisy(np.full(w.step.size, 3.0), 0.6)),
    }
    columns[names.EVAL_KL] = Column(w.step[:: w.step.size // 4 + 1], kd[:: w.step.size // 4 + 1] / 4)
    return run_of(w, columns, vocabulary_size=151936)


def of_a_pretrained_student(seed: int) -> Run:
    """It knows the text already: little is gained, and that in the first steps; tiny batches."""
    w = world(seed)
    lm, kd, teacher = knowing(w, w.rng.uniform(3.2, 3.6), w.rng.uniform(2.9, 3.1))
    columns = {
        names.LOSS: Column(w.step, 0.5 * lm + 0.5 * kd),
        names.RAW + "lm": Column(w.step, lm),
        names.WEIGHT + "lm": Column(w.step, np.full(w.step.size, 0.5)),
        names.RAW + "kd": Column(w.step, kd),
        names.WEIGHT + "kd": Column(w.step, np.full(w.step.size, 0.5)),
        names.LEARNING_RATE: Column(w.step, schedule(w)),
        names.TEACHER_LOSS: Column(w.step, teacher),
    }
    return run_of(w, columns, vocabulary_size=49152)


def of_two_sources(seed: int) -> Run:
    """Halfway other text comes in, harder for both models; a resume went back some steps; the batches are small."""
    w = world(seed)
    later = np.where(w.progress > w.rng.uniform(0.3, 0.7), w.rng.uniform(0.95, 1.15), 1.0)
    lm, kd, teacher = knowing(w, w.rng.uniform(6, 11), w.rng.uniform(3, 4))
    noise = np.exp(0.2 * w.rng.standard_normal(w.step.size))
    lm, kd, teacher = lm * later * noise, kd * later * noise, teacher * later * noise
    columns = {
        names.LOSS: lm + kd,
        names.RAW + "ce": lm,
        names.RAW + "kd": kd,
        names.LEARNING_RATE: schedule(w),
        names.TEACHER_LOSS: teacher,
        names.TOKENS_PER_SECOND: w.noisy(np.full(w.step.size, 5000.0) / later**2, 0.2),
    }
    back = int(w.rng.integers(0, max(1, w.step.size // 10)))
    cut = int(w.step.size * w.rng.uniform(0.3, 0.9))
    order = np.concatenate((np.arange(cut), np.arange(max(0, cut - back), w.step.size)))
    again = np.where(np.arange(order.size) >= cut, np.exp(0.02 * w.rng.standard_normal(order.size)), 1.0)
    logged = {
        n: Column(w.step[order], v[order] * (again if n != names.LEARNING_RATE else 1)) for n, v in columns.items()
    }
    return run_of(w, logged)


KINDS = (
    *(of_sad_train, of_shares, of_a_console, of_hugging_face, of_a_table),
    *(of_everything, of_kd_alone, of_a_pretrained_student, of_two_sources),
)
