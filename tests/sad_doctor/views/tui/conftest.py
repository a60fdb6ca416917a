"""Runs and reports made by hand, a source that grows on command, a clock that stands."""

from __future__ import annotations

import types
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sad_doctor import names
from sad_doctor.finding import Crashed, Finding, Level, NotChecked, Report, Story
from sad_doctor.run import Column, Event, Run
from sad_doctor.views.tui.app import DoctorApp
from sad_doctor.views.tui.painting.svg import svg_of

NOW = 1_700_000_000.0

LAST = {
    "kd": 10.8479,
    "routing_feature": 0.2710,
    "load_balance": 0.0,
    "attention_alignment": 2.7772,
    "attention": 0.0507,
    "layerwise": 160.5575,
    "contrastive": 0.0200,
    "lm": 2.6176,
}


def column(step, value):
    return Column(np.asarray(step, dtype=np.float64), np.asarray(value, dtype=np.float64))


def sick_run(points=218, end=21_700):
    """The run of the post-mortem: nothing moves, the layerwise term owns the loss, perplexity is a clamp."""
    noise = np.random.default_rng(3)
    step = np.linspace(0, end, points).round()
    columns = {}
    total = np.zeros(points)
    for number, (term, last) in enumerate(LAST.items()):
        wave = np.exp(noise.normal(0, 0.25, points) + (0.6 * np.sin(step / 900) if term == "layerwise" else 0))
        value = last * wave * (0.55 if term == "layerwise" else 1.0)
        value[-1] = last
        weight = 0.05 if term == "layerwise" else (0.7, 0.1, 0.01, 0.1, 0.1, 0.05, 0.05, 0.25)[number]
        columns[names.RAW + term] = column(step, value / weight)
        columns[names.WEIGHT + term] = column(step, np.full(points, weight))
        columns[names.WEIGHTED + term] = column(step, value)
        total += value
    held = np.arange(499, end, 1000)
    return Run(
        name="run-2-epoch-0",
        format="console log",
        path=Path("run-2.log"),
        columns={
            names.LOSS: column(step, total),
            **columns,
            names.LEARNING_RATE: column(step, np.zeros(points)),
            names.EVAL_LOSS: column(held, np.full(held.size, 51.7094)),
            names.EVAL_PERPLEXITY: column(held, np.full(held.size, 485165195.41)),
        },
        events=(Event(names.EVENT_WARNING, "Loss 51.71 too high for meaningful perplexity (capped at 20)", 499.0),),
        facts={names.TOTAL_STEPS: 24_914, names.STATUS: "running", names.HEARTBEAT: NOW - 4},
        notes=("The log calls the parts raw; they sum to the total, so they are read as weighted.",),
        tail=("Epoch 0: 87% | 21700/24914 [2:41:02<23:51, 2.25it/s, loss=177.1419, lr=0.000e+00, step=21699]",),
    )


def sick_report():
    frozen = Finding(
        "R101",
        "weights-never-move",
        Level.ERROR,
        "The weights never moved: the learning rate is exactly 0 in 218 of 218 lines.",
        (
            "train/lr is 0.000e+00 from step 0 to step 21,700",
            "eval/loss is 51.7094 to the last digit in 22 of 22 evaluations",
            "train/loss has the same mean in the first and the last tenth of the run (96.1 and 97.4)",
        ),
        "No optimizer step was taken. A gate that counts batches twice sees only odd counts, so with an even"
        " accumulation it never opens.",
        "Run `sad verify V104`. Count optimizer steps, and log the learning rate after the step, not before it.",
        0,
        21_700,
    )
    flat = Finding(
        "R104", "evaluation-bit-identical", Level.ERROR,
        "The evaluation is bit-identical: 51.7094 in 22 of 22.", ("51.7094 at steps 499, 1,499 … 21,499",),
        "Weights that do not move.", "See the cause.", 499, 21_499,
    )  # fmt: skip
    plateau = Finding(
        "R105", "early-plateau", Level.WARNING,
        "The loss has not fallen since step 0.", ("96.1 to 97.4",), "Weights that do not move.", "See the cause.", 0,
    )  # fmt: skip
    owns = Finding(
        "R203",
        "term-owns-the-loss",
        Level.ERROR,
        "The layerwise term owns the loss: 90.6% at step 21,700, above 80% in 131 of 218 lines.",
        ("layerwise 160.5575 of 177.1419 = 90.6%", "the next is kd with 10.8479 = 6.1%"),
        "The teacher's residual stream holds a few activations thousands of times larger than the rest.",
        "Compare normalised states (LayerNorm on both sides, or cosine), and hold target shares.",
        2_400,
        21_700,
    )
    clamp = Finding(
        "R301",
        "perplexity-is-a-clamp",
        Level.WARNING,
        "Perplexity 485,165,195.41 is exp(20): a clamp, not a measurement.",
        ("22 of 22 evaluations",),
        "exp of the total loss, cut at 20.",
        "Report exp of the token-weighted language-model loss, without a clamp.",
        499,
        21_499,
    )
    return Report(
        stories=(Story(frozen, (flat, plateau)), Story(owns), Story(clamp)),
        passed=("R102", "R201", "R305"),
        not_checked=(
            NotChecked("R401", "gradient-not-finite", "the log has no train/grad_norm"),
            NotChecked("R402", "clip-saturated", "the log has no train/grad_norm"),
        ),
        crashed=(Crashed("R999", "broken-rule", "ZeroDivisionError: division by zero"),),
    )


def healthy_run(points=400):
    noise = np.random.default_rng(5)
    step = np.arange(points) * 5.0
    part = step / step[-1]
    terms = {"kd": 3.4, "layerwise": 1.6, "lm": 1.5, "attention": 0.4}
    values = {
        t: v * (0.35 + 0.65 * np.exp(-3 * part)) * np.exp(noise.normal(0, 0.04, points)) for t, v in terms.items()
    }
    held = np.arange(0, step[-1] + 1, 100)
    bits = 1.1 + 1.9 * np.exp(-3 * held / step[-1])
    return Run(
        name="2026-11-23-demo",
        format="run folder",
        path=Path("runs/demo"),
        columns={
            names.LOSS: column(step, sum(values.values())),
            **{names.RAW + t: column(step, v * 2) for t, v in values.items()},
            **{names.WEIGHT + t: column(step, np.full(points, 0.5)) for t in values},
            **{names.WEIGHTED + t: column(step, v) for t, v in values.items()},
            names.GRAD_NORM: column(step, np.exp(noise.normal(0, 0.3, points))),
            names.LEARNING_RATE: column(step, 3e-4 * np.cos(part * 1.5)),
            names.TOKENS_PER_SECOND: column(step, noise.normal(12_400, 300, points)),
            names.EVAL_LOSS: column(held, 7 * (0.35 + 0.65 * np.exp(-3 * held / step[-1]))),
            names.EVAL_PERPLEXITY: column(held, np.exp(bits * 2.2)),
            names.EVAL_BITS_PER_BYTE: column(held, bits),
            names.TEACHER_EVAL_PERPLEXITY: column([0], [9.4]),
            names.TEACHER_EVAL_BITS_PER_BYTE: column([0], [1.02]),
        },
        facts={names.TOTAL_STEPS: 2_000, names.STATUS: "finished", names.HEARTBEAT: NOW - 7200},
    )


def healthy_report():
    return Report((), tuple(f"R{n}" for n in range(101, 113)), (), ())


def empty_run():
    return Run("just-started", "run folder", Path("runs/new"), facts={names.STATUS: "running", names.HEARTBEAT: NOW})


def empty_report():
    return Report((), (), (NotChecked("R101", "weights-never-move", "the log has no train/lr"),), ())


def held_out_run():
    """Only what was measured on held-out text."""
    run = healthy_run()
    return replace(run, columns={k: c for k, c in run.columns.items() if k.startswith(("eval/", "teacher/"))})


def run_with_nan():
    """One column is NaN from the first step to the last; the total is NaN and infinite for a while."""
    run = sick_run()
    total = run.columns[names.LOSS]
    value = total.value.copy()
    value[100:110], value[150] = np.nan, np.inf
    columns = dict(run.columns) | {
        names.LOSS: column(total.step, value),
        names.WEIGHTED + "lm": column(total.step, np.full(len(total), np.nan)),
    }
    return replace(run, columns=columns)


class FakeSource:
    """A source whose run a test replaces; ``error`` is raised by the next looks."""

    def __init__(self, run):
        self.path = Path("fake.log")
        self.error = None
        self.polls = 0
        self._run, self._new = run, True

    def grow(self, run):
        self._run, self._new = run, True

    def poll(self):
        self.polls += 1
        if self.error is not None:
            raise self.error
        new, self._new = self._new, False
        return new

    def run(self):
        return self._run


def dashboard(run, report, interval=3600.0):
    """Return an app under a clock that stands, and its source. ``report`` may be a function of the run."""
    source = FakeSource(run)
    judge = report if callable(report) else lambda _: report
    return DoctorApp(source, judge, interval=interval, now=lambda: NOW), source


async def settled(pilot):
    """Wait until the look under way, if any, has reached the widgets."""
    await pilot.app.workers.wait_for_complete()
    await pilot.pause()
    await pilot.pause()


def shown(app):
    """Return the text on the screen, a line a row."""
    return "\n".join(strip.text for strip in app.screen._compositor.render_strips())


def segments(app):
    """Return every styled piece of text on the screen."""
    lines = app.screen._compositor.render_strips()
    return [segment for strip in lines for segment in strip if segment.style is not None]


@pytest.fixture(autouse=True)
def unhurried(monkeypatch):
    """On a busy machine the judge is slow: the dashboards of these tests judge at every look all the same."""
    monkeypatch.setattr("sad_doctor.views.tui.runs.snapshot._QUICK", 60.0)


@pytest.fixture
def make():
    """Builders for tests, which cannot import this file."""
    return types.SimpleNamespace(
        column=column,
        sick_run=sick_run,
        sick_report=sick_report,
        healthy_run=healthy_run,
        healthy_report=healthy_report,
        empty_run=empty_run,
        empty_report=empty_report,
        held_out_run=held_out_run,
        run_with_nan=run_with_nan,
        source=FakeSource,
        dashboard=dashboard,
        settled=settled,
        shown=shown,
        picture=lambda app: svg_of(app, "screen"),
        segments=segments,
        now=NOW,
    )
