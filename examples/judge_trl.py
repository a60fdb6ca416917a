"""Judges a run of TRL, finished or not, by what it left in its output folder; TRL itself is not needed.

    python examples/judge_trl.py OUTPUT_DIR
    python examples/judge_trl.py OUTPUT_DIR --html report.html

Every trainer of TRL is a `Trainer` of transformers: the newest `checkpoint-*/trainer_state.json` has all that was
logged. They log the loss, the learning rate and the norm of the gradient, but neither the terms nor the teacher's
own loss: the rules that need those are counted as not judged. `RedFlags` in examples/hf_callback.py records more, and
stops a run while it still costs money. Exit code 1 where something is wrong, as with `sad doctor`.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from sad_doctor import Report, Run, check, read
from sad_doctor.finding import Level
from sad_doctor.views import html


def newest(output: Path) -> Path:
    """Return the newest `trainer_state.json` of an output folder. Raises SystemExit, in one line, if it has none."""
    found = [*output.glob("checkpoint-*/trainer_state.json"), *output.glob("trainer_state.json")]
    if not found:
        raise SystemExit(f"{output}: no checkpoint yet; set save_steps, or give the console log to sad doctor")
    return max(found, key=lambda path: path.stat().st_mtime)


def judge(output: Path) -> tuple[Run, Report]:
    """Return the run and what the doctor says of it."""
    run = read(newest(output))
    return run, check(run)


def main(words: Sequence[str] | None = None) -> int:
    """Print the findings, the cause first, then what the log lacks; return the exit code."""
    parser = argparse.ArgumentParser()
    parser.add_argument("output", type=Path)
    parser.add_argument("--html", type=Path, help="write the report with charts to this file")
    given = parser.parse_args(words)
    run, report = judge(given.output)
    for story in report.stories:
        found = story.finding
        print(f"{found.level.name} {found.rule}: {found.headline}")
        print(f"  cause:  {found.cause}\n  remedy: {found.remedy}")
    terms = sum(column.startswith("train/weighted/") for column in run.columns)
    print(f"{len(report.stories)} findings; {len(report.not_checked)} rules could not judge")
    print(f"{terms} terms of the loss are logged")
    if given.html is not None:
        given.html.write_text(html.render(run, report), encoding="utf-8")
    return int(any(story.finding.level is Level.ERROR for story in report.stories))


if __name__ == "__main__":
    try:
        code = main()
        sys.stdout.flush()
    except BrokenPipeError:
        # its reader, such as head, has seen enough; the end of the program would write what is left once more
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 141
    sys.exit(code)
