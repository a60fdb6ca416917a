"""The doctor under junk: logs of every format, damaged byte by byte, opened, followed, judged and shown.

    python benchmarks/fuzz.py --seconds 60 [--seed 0]

Beside the logs their caches are damaged: a run that is opened from a damaged cache must be the run of the log.
Of each input it is demanded that nothing but `Unreadable` comes out, that its message is one line, that no text of the
run or of the report holds a control code, that the JSON is JSON, that no rule crashes, and that it takes its time and
no more. Exit code 1 if one input fails; its seed makes it again.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import re
import resource
import shutil
import sqlite3
import struct
import sys
import tempfile
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from doctor import write_wandb

from sad_doctor.check import check
from sad_doctor.readers import Unreadable, cache, kept, open_log, settle
from sad_doctor.readers.databases import runs_in
from sad_doctor.run import Run
from sad_doctor.sanitize import sanitize
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


def sources(folder: Path) -> dict[str, Path]:
    """Return a sound log of every format: a file, or a folder with all that belongs to it; some are made here."""
    runs, foreign = FIXTURES / "runs", FIXTURES / "foreign"
    trackio = next((foreign / "trackio").glob("*.db"))
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
        "W&B, many records": write_wandb(folder / "run-many.wandb", 200),
        "MLflow database": foreign / "mlflow.db",
        "MLflow files": foreign / "mlruns",
        "trackio": trackio,
        "MLflow, three runs": _several(foreign / "mlflow.db", folder / "several.db", "runs", "run_uuid"),
        "trackio, three runs": _several(trackio, folder / "trackio.db", "metrics", "run_name"),
        "ranks, JSON lines": _written(folder / "ranks.jsonl", (json.dumps(row) for row in _ranked())),
        "ranks, console": _written(folder / "ranks.log", (f"[rank{row.pop('rank')}]: {row}" for row in _ranked())),
        "evaluation sets": _written(folder / "sets.jsonl", map(json.dumps, _evaluated())),
    }


def _written(path: Path, lines: Iterable[str]) -> Path:
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def _ranked() -> Iterator[dict[str, float]]:
    """Rows that three processes write in turn."""
    for step in range(1, 60):
        yield from ({"rank": rank, "step": step, "loss": rank + 60 / step, "lr": 1e-3} for rank in (1, 0, 2))


def _evaluated() -> Iterator[dict[str, float]]:
    """Rows with the losses of two evaluation sets, of which one gets smaller."""
    for step in range(1, 120):
        yield {"step": step, "loss": 3 + 9 / step, "train/raw/kd": 4 / step, "train/weighted/kd": 2 / step}
        if step % 10 == 0:
            for name in ("wiki", "news"):
                found = {"loss": 3 + 5 / step, "runtime": 2.0, "samples_per_second": 50.0 if step < 60 else 9.0}
                row = {"step": step, "eval_samples": found["runtime"] * found["samples_per_second"]}
                yield row | {f"eval_{name}_{key}": value for key, value in found.items()}


def _several(sound: Path, path: Path, table: str, key: str) -> Path:
    """A copy of a database with two more runs in it, the numbers of which are copies as well."""
    shutil.copy(sound, path)
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        for one in dict.fromkeys((table, "metrics")):
            every = [column[1] for column in database.execute(f"PRAGMA table_info({one})")]
            columns = [column for column in every if column not in ("id", "log_id")]
            rows = database.execute(f"SELECT {', '.join(columns)} FROM {one}").fetchall()
            own, marks = (
                {columns.index(name) for name in (key, "run_id") if name in columns},
                ", ".join("?" * len(columns)),
            )
            for other in ("again", "third"):
                copies = [[f"{other} {cell}" if at in own else cell for at, cell in enumerate(row)] for row in rows]
                database.executemany(f"INSERT INTO {one} ({', '.join(columns)}) VALUES ({marks})", copies)
    return path


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
        if "\n" in str(refusal) or sanitize(str(refusal)) != str(refusal):
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
        if sanitize(one, len(one) + 1) != one:
            yield f"not clean: {one[:200]!r}"
    json.loads(shown[1])


def cached(path: Path, rng: random.Random) -> Iterator[str]:
    """Open a sound log, damage the cache that this left, open it again; yield what must not be, nothing without one."""
    begin = time.process_time()
    shutil.rmtree(cache.folder(), ignore_errors=True)
    try:
        sound = _opened(path)
        signed = rng.random() < 0.5
        for at in cache.folder().glob("*"):
            whole = at.read_bytes()
            at.write_bytes(_signed(whole, rng) if signed else damaged(whole, rng))
        run = _opened(path)
        yield from told(run)
        if not signed and _numbers(run) != _numbers(sound):
            yield "another run came out of a damaged cache"
    except Exception as error:  # what is looked for
        yield f"{type(error).__name__}: {error}"
    if (took := time.process_time() - begin) > LONGEST:
        yield f"{took:.0f} s"


def _opened(path: Path) -> Run:
    source = open_log(path)
    source.poll()
    source.run()
    settle(source)
    return source.run()


def _numbers(run: Run) -> dict[str, bytes]:
    return {name: column.step.tobytes() + column.value.tobytes() for name, column in run.columns.items()}


def _signed(whole: bytes, rng: random.Random) -> bytes:
    """A cache whose header is damaged and whose checksum is right all the same, as if a bug had written it."""
    head = struct.Struct("<10sHII")
    magic, version, length, _ = head.unpack_from(whole)
    text, rest = whole[head.size : head.size + length], whole[head.size + length :]
    pieces = list(re.finditer(rb'"[^"]*"|-?\d+(?:\.\d+)?|null|true|false|\[\]', text))
    one = rng.choice(pieces)
    other = rng.choice((b"null", b"-1", b"[]", b"{}", b'"\\u001b[2J"', b"1e999", b"NaN", b"true", b"99999999999"))
    text = text[: one.start()] + other + text[one.end() :]
    return head.pack(magic, version, len(text), zlib.crc32(rest, zlib.crc32(text))) + text + rest


def fuzz(seconds: float, seed: int, folder: Path, most: int = 1 << 60) -> tuple[Counter[str], list[str]]:
    """Damage logs for so many seconds, ``most`` at most; return how many of each format, and what went wrong."""
    counts: Counter[str] = Counter()
    failed: list[str] = []
    kinds = sources(folder)
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
        if counts.total() // len(kinds) % 4 == 3:
            found, kind = cached(copy, rng), f"cache of {kind}"
        else:
            found = _of_damaged(copy, rng)
        failed += [f"{kind} (--seed {seed}, input {counts.total()}): {one}" for one in found]
        counts[kind] += 1
    return counts, failed


def _of_damaged(copy: Path, rng: random.Random) -> Iterator[str]:
    """Damage a log or one file of it; yield what must not be."""
    victim = rng.choice(sorted(one for one in copy.rglob("*") if one.is_file())) if copy.is_dir() else copy
    whole = damaged(victim.read_bytes(), rng)
    cut = rng.randrange(len(whole) + 1) if rng.random() < 0.5 else len(whole)
    victim.write_bytes(whole[:cut])
    yield from problems(copy, None if cut == len(whole) else lambda: _write(victim, whole))
    try:
        several = runs_in(victim)
    except Exception as error:  # what is looked for
        several = []
        yield f"runs of a database: {type(error).__name__}: {error}"
    if several and rng.random() < 0.5:
        yield from problems(rng.choice(several))


def _write(path: Path, data: bytes) -> None:
    path.write_bytes(data)


def every_cache(folder: Path) -> None:
    """Let every log be worth a cache below ``folder``, so that it is opened from one too."""
    cache.LEAST = kept.LEAST = 1
    kept.SECONDS = 0.0
    os.environ["SAD_CACHE"] = str(folder)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        every_cache(Path(folder) / "cache")
        counts, failed = fuzz(given.seconds, given.seed, Path(folder))
    for kind, count in counts.items():
        print(f"{kind:30} {count:6} inputs")
    print(f"{'in all':30} {counts.total():6} inputs, {len(failed)} failures")
    print(f"largest memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")
    print(*failed[:20], sep="\n", end="\n" if failed else "")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
