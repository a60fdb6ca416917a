"""The doctor beside a training loop of your own: write the record, read it, judge it. Needs numpy only.

    python examples/record_a_loop.py             # distils a small softmax classifier; the doctor finds nothing wrong
    python examples/record_a_loop.py --rate 0    # the mistake that is planted: the optimizer takes no step

The three lines are those with `record`, and the import. Names that people use, such as `loss` and `lr`, are read as
what they are; those of the doctor itself are in `sad_doctor/names.py`. While it runs, `sad doctor RUN` follows it.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np

from sad_doctor import Recorder, Report, check, read


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Return logarithms of probabilities, [batch, classes]."""
    logits = logits - logits.max(axis=1, keepdims=True)
    return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))


def train(folder: str, rate: float, steps: int) -> None:
    """Train a student of rank 1 by the teacher's distribution and by labels, and record it."""
    random = np.random.default_rng(0)
    teacher = random.normal(size=(8, 5))
    left, right = 0.3 * random.normal(size=(8, 2)), 0.3 * random.normal(size=(2, 5))
    with Recorder(folder, {"total_steps": steps, "optimizer": "SGD"}) as record:
        for step in range(1, steps + 1):
            inputs = random.normal(size=(256, 8))
            wanted = np.exp(log_softmax(inputs @ teacher))
            labels = (np.log(wanted) + random.gumbel(size=wanted.shape)).argmax(axis=1)
            told = log_softmax(inputs @ left @ right)
            kd = float((wanted * (np.log(wanted) - told)).sum(axis=1).mean())
            ce = float(-told[np.arange(256), labels].mean())

            slope = (2 * np.exp(told) - wanted - np.eye(5)[labels]) / 256
            slopes = inputs.T @ slope @ right.T, (inputs @ left).T @ slope
            now = rate * (1 - (step - 1) / steps)
            left, right = left - now * slopes[0], right - now * slopes[1]
            norm = float(np.sqrt(sum((one**2).sum() for one in slopes)))

            record.log(step, {"loss": kd + ce, "weighted/kd": kd, "weighted/ce": ce, "lr": now, "grad_norm": norm})


def main(words: Sequence[str] | None = None) -> Report:
    """Train as the words say, print what the doctor finds, return its report."""
    parser = argparse.ArgumentParser(description="A training loop that writes its record, and reads it again.")
    parser.add_argument("--output", default="runs/my-loop")
    parser.add_argument("--rate", type=float, default=0.3)
    parser.add_argument("--steps", type=int, default=200)
    said = parser.parse_args(words)

    train(said.output, said.rate, said.steps)
    report = check(read(said.output))
    for story in report.stories:
        print(f"{story.finding.rule} {story.finding.headline}\n     {story.finding.remedy}")
    print(f"{len(report.findings)} findings, {len(report.passed)} rules passed, {len(report.not_checked)} not checked")
    return report


if __name__ == "__main__":
    main()
