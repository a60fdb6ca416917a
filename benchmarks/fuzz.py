"""The doctor under junk: logs of every format, damaged byte by byte, opened, followed, judged and shown.

    python benchmarks/fuzz.py --seconds 60 [--seed 0]

Of each input it is demanded that nothing but `Unreadable` comes out, that its message is one line, that no text of the
run or of the report holds a control code, that the JSON is JSON, that no rule crashes, and that it takes its time and
no more. Exit code 1 if one input fails; its seed makes it again.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from sad_doctor.check import check
from sad_doctor.clean import clean
from sad_doctor.readers import Unreadable, cache, open_log, settle
from sad_doctor.run import Run
from sad_doctor.views import json as machine
from sad_doctor.views import text

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"
LONGEST = 20.0
"""Seconds of processor time that one input may take."""
NASTY = (
    b"\x1b]0;title\x07", b"\x1b[2J", b"[/nope]", b"[@click=app.quit]x[/]", "\u202eevil\u2066".encode(), b"\xff\xfe\x00",
    b"\x00" * 64, b"NaN", b"-Infinity", b"1e999", b'"', b"{", b"}\n{", b"[" * 3000, b'{"a":' * 1200, b"\r", b"\n\n",
    b"9" * 5000, b"null", b"true", b",,,,", b'{"step": 3, "loss": "\x1b[31m"}\n', b'{"step": -1, "loss": 1e308}\n',
    b"Traceback (most recent call last):\n", b"RuntimeError: \x1b[5m\n", b"\x80" * 12, b"\xff" * 9, b"x" * 1_000_000,
)  # fmt: skip


def sources() -> dict[str, Path]:
    """Return a sound log of every format: a file, or a folder with all that belongs to it."""
    runs, foreign = FIXTURES / "runs", FIXTURES / "foreign"
    return {
        "console": runs / "run1.log",
        "console, crashed": runs / "crash_168_160.log",
        "JSON lines": runs / "nan.jsonl",
        "CSV": runs / "metrics.csv",
        "trainer_state": runs / "trainer_state.json",
        "run folder": runs / "healthy",
        "TensorBoard": foreign / "tensorboard",
        "TensorBoard X": foreign / "tensorboardx",
        "W&B": foreign / "run-foreign.wandb",
        "MLflow database": foreign / "mlflow.db",
        "MLflow files": foreign / "mlruns",
        "trackio": next((foreign / "trackio").glob("*.db")),
    }


def damaged(data: bytes, rng: random.Random) -> bytes:
    """Return ``data`` with one to four kinds of damage."""
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(data) + 1)
        match rng.randrange(8):
            case 0:
                data = data[:at]
            case 1:
                for _ in range(rng.randint(1, 16)):
                    at = rng.randrange(len(data) + 1)
                    data = data[:at] + bytes([rng.randrange(256)]) + data[at + 1 :]
            case 2:
                data = data[:at] + rng.choice(NASTY) + data[at:]
            case 3:
                data = data[:at] + data[at + rng.randint(1, 200) :]
            case 4:
                data = data[:at] + data[max(0, at - rng.randint(1, 2000)) :]
            case 5:
                data = data[:at] + rng.randbytes(rng.randint(1, 300)) + data[at:]
            case 6:
                data = data[at:] if rng.random() < 0.3 else data[:at] + b"\x00" * rng.randint(1, 5000)
            case 7:
                numbers = [i for i, byte in enumerate(data[:20000]) if 48 <= byte <= 57]
                if numbers:
                    at = rng.choice(numbers)
                    data = data[:at] + rng.choice((b"NaN", b"-", b"e308", b'"', b"1e-320")) + data[at + 1 :]
    return data


def problems(path: Path, grow: Callable[[], None] | None = None) -> Iterator[str]:
    """Open, follow, judge and show the log at ``path``; yield what must not be. ``grow`` changes it in between."""
    begin = time.process_time()
    try:
        source = open_log(path)
        source.poll()
        source.run()
        if grow is not None:
            grow()
            source.poll()
        settle(source)
        run = source.run()
        yield from told(run)
        open_log(path).poll()
    except Unreadable as refusal:
        if "\n" in str(refusal) or clean(str(refusal)) != str(refusal):
            yield f"refused in more than a clean line: {str(refusal)!r}"
    except Exception as error:  # what is looked for
        yield f"{type(error).__name__}: {error}"
    if (took := time.process_time() - begin) > LONGEST:
        yield f"{took:.0f} s"


def told(run: Run) -> Iterator[str]:
    """Yield what must not be in a run and in its reports."""
    report = check(run)
    yield from (f"rule {one.rule} crashed: {one.error}" for one in report.crashed)
    for name, column in run.columns.items():
        if column.step.shape != column.value.shape:
            yield f"{name}: lengths"
    shown = [text.render(run, report), machine.render(run, report), *run.columns, *run.notes, *run.tail, run.name]
    shown += [event.message for event in run.events]
    for one in shown:
        if clean(one, len(one) + 1) != one:
            yield f"not clean: {one[:200]!r}"
    json.loads(shown[1])


def fuzz(seconds: float, seed: int, folder: Path, most: int = 1 << 60) -> tuple[Counter[str], list[str]]:
    """Damage logs for so many seconds, ``most`` at most; return how many of each format, and what went wrong."""
    counts: Counter[str] = Counter()
    failed: list[str] = []
    kinds = sources()
    until = time.monotonic() + seconds
    while time.monotonic() < until and counts.total() < most:
        kind = list(kinds)[counts.total() % len(kinds)]
        rng = random.Random(f"{seed}/{counts.total()}")
        place = folder / "log"
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        sound = kinds[kind]
        copy = place / sound.name
        (shutil.copytree if sound.is_dir() else shutil.copy)(sound, copy)
        victim = rng.choice(sorted(one for one in copy.rglob("*") if one.is_file())) if copy.is_dir() else copy
        whole = damaged(victim.read_bytes(), rng)
        cut = rng.randrange(len(whole) + 1) if rng.random() < 0.5 else len(whole)
        victim.write_bytes(whole[:cut])
        grow = None if cut == len(whole) else lambda victim=victim, whole=whole: victim.write_bytes(whole)
        failed += [f"{kind} (--seed {seed}, input {counts.total()}): {one}" for one in problems(copy, grow)]
        counts[kind] += 1
    return counts, failed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        # every log is worth a cache here, so that it is opened from one too
        cache.LEAST = 1
        os.environ["SAD_CACHE"] = f"{folder}/cache"
        counts, failed = fuzz(given.seconds, given.seed, Path(folder))
    for kind, count in counts.items():
        print(f"{kind:18} {count:6} inputs")
    print(f"{'in all':18} {counts.total():6} inputs, {len(failed)} failures")
    print(f"largest memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")
    print(*failed[:20], sep="\n", end="\n" if failed else "")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
