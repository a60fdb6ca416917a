"""Trains tiny pairs, healthy and with one planted fault each, writes their logs, and asks the doctor.

    python benchmarks/diagnosis.py --split dev --seeds 3              # to mend the rules by
    python benchmarks/diagnosis.py --split held-out --seeds 3         # other seeds, sizes and schedules: the figures
    python benchmarks/diagnosis.py --split dev --kinds Plain,MaskedNan --cases OUT    # keeps what was judged wrongly

A run is trained once and kept in ``--runs``; its logs are written anew each time. Which fault can be seen in which log
is decided from the columns of the log before it is judged (``planted/columns.py``).

    python benchmarks/diagnosis.py --split dev --seeds 1 --few --twins 5     # what those that were missed could show

trains sound runs of the setting of each fault that was missed, and says of how many no column differs, of how many a
good run beside it tells, and what ``--baseline`` says then (``planted/ceiling.py``). The sound runs of other settings
are those in ``--runs``.
"""

from __future__ import annotations

import argparse
import pickle
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from planted.formats import FEW, FORMATS, LOGS
from planted.missed import Missed, told
from planted.record import Record
from planted.script_logs import LOGS as SCRIPT_LOGS
from planted.verdict import Verdict, judged, show
from planted.worlds import GROUPS, KINDS, plan

from sad_doctor import Report


def trained(kind: str, split: str, seed: int, runs: Path) -> Record:
    """Return the record of a run, from ``runs`` if it was trained before."""
    path = runs / f"{split}-{kind}-{seed}.pickle"
    if path.is_file():
        kept: Record = pickle.loads(path.read_bytes())
        return kept
    training = KINDS[kind](plan(kind, split, seed))
    record = training.run()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(record))
    return record


def keep_case(verdict: Verdict, report: Report, log: Path, cases: Path) -> None:
    """Keep a log that was judged wrongly, and what was wrong."""
    name = f"{verdict.kind}-{verdict.seed}-{verdict.form}-{verdict.level}".replace(" ", "_")
    folder = cases / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (shutil.copytree if log.is_dir() else shutil.copy)(log, folder / log.name)
    said = (
        "; ".join(f"{s.finding.level.name} {s.finding.name}: {s.finding.headline}" for s in report.stories) or "nothing"
    )
    planted = f"planted: {verdict.kind}: {KINDS[verdict.kind].__doc__}"
    expected = f"expected: {', '.join(verdict.expected) or 'no alarm'}"
    (folder / "README").write_text(f"{planted}\n{expected}\nthe doctor said: {said}\n")


def verdicts(
    kinds: Iterable[str],
    split: str,
    seeds: Iterable[int],
    runs: Path,
    cases: Path | None,
    logs: tuple[tuple[str, str], ...] = LOGS,
) -> list[Verdict]:
    """Train or take what was trained, write every log, judge it."""
    found = []
    with tempfile.TemporaryDirectory() as work:
        for kind in kinds:
            for seed in seeds:
                record = trained(kind, split, seed, runs)
                for number, (form, level) in enumerate(logs):
                    path = Path(work) / f"{kind}-{seed}-{number}"
                    verdict, report, log = judged(KINDS[kind], record, seed, form, level, FORMATS[form], path)
                    if report is not None and cases is not None and verdict.wrong:
                        keep_case(verdict, report, log, cases)
                    found.append(verdict)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--split", choices=("dev", "held-out"), default="dev")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--kinds", default="", help="comma-separated; by default all of --group")
    parser.add_argument(
        "--group", choices=GROUPS, default="made for", help="the kinds, by what part they had in the rules"
    )
    parser.add_argument("--runs", type=Path, default=Path(tempfile.gettempdir()) / "planted-runs")
    parser.add_argument("--cases", type=Path, help="keep what was judged wrongly here")
    parser.add_argument("--few", action="store_true", help="four logs of each run in place of eleven")
    parser.add_argument("--train-only", action="store_true")
    parser.add_argument("--twins", type=int, default=0, help="sound runs of the setting of each fault that was missed")
    asked = parser.parse_args()
    kinds = asked.kinds.split(",") if asked.kinds else [kind.__name__ for kind in GROUPS[asked.group]]
    if unknown := [kind for kind in kinds if kind not in KINDS]:
        parser.error(f"no kind {unknown[0]}; known: {', '.join(KINDS)}")
    torch.set_num_threads(1)
    start = time.perf_counter()
    if asked.train_only:
        for seed in range(asked.seeds):
            for kind in kinds:
                trained(kind, asked.split, seed, asked.runs)
                print(f"{time.perf_counter() - start:6.0f} s {kind} {seed}", flush=True)
        return
    logs = SCRIPT_LOGS if asked.group.startswith("script") else FEW if asked.few else LOGS
    found = verdicts(kinds, asked.split, range(asked.seeds), asked.runs, asked.cases, logs)
    print(show(found))
    if asked.twins:
        print(told(Missed(found, asked.split, asked.runs, logs), asked.twins))
    print(f"\n{len(found)} logs in {time.perf_counter() - start:.0f} s, split {asked.split}, {asked.seeds} seeds")


if __name__ == "__main__":
    main()
