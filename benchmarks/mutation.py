"""Breaks the code that trains by one small edit at a time, and counts the edits that `sad verify --all` notices.

    python benchmarks/mutation.py --sample 300 --seed 0

What is broken is in `benchmarks/under_test.py`, with the reason for what is not. First every property of the catalogue
is asked of the code as it is, and notes which lines it runs. Then every mutant is judged in a process of its own by the
properties that run the edited statement, the most promising first, until one breaks. Survivors are listed; read them:
some change nothing that anyone can observe, some are what the catalogue does not see yet.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import signal
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from judging import IMPORT, ROOT, Lines, Order, at_import, judge, properties, read_trace, trace
from mutants import Mutant, edited, places
from under_test import LEFT_OUT, paths

KINDS = ("Llama", "Granite", "Gemma2", "Phi", "Cohere")
"""Architectures of the tiny models."""
LIMIT = 900.0
"""Seconds; a process that takes longer waits for something that does not come."""

Job = tuple[Callable[..., None], tuple[Any, ...]]


def run(jobs: Iterator[Job], at_once: int) -> Iterator[tuple[Job, str, float]]:
    """Run each in a fork of this process, which has the libraries; yield how it ended and the seconds that it took.

    It ended as ``done``, ``died`` or ``hangs``.
    """
    context, running, left = get_context("fork"), list[Any](), True
    while left or running:
        while left and len(running) < at_once:
            if (job := next(jobs, None)) is None:
                left = False
                break
            process = context.Process(target=job[0], args=job[1])
            process.start()
            running.append((process, job, time.monotonic()))
        time.sleep(0.02)
        for one in list(running):
            process, job, started = one
            seconds = time.monotonic() - started
            late = seconds > LIMIT or process.exitcode in (-signal.SIGXCPU, -signal.SIGKILL)
            if process.is_alive() and not late:
                continue
            if process.is_alive():
                os.killpg(process.pid, signal.SIGKILL)
            process.join()
            running.remove(one)
            yield job, "hangs" if late else "died" if process.exitcode else "done", seconds


def mapped(at_once: int, folder: Path) -> tuple[dict[str, Lines], dict[str, float]]:
    """Return which lines each property runs, and the seconds that it takes. Exits where the code is not clean."""
    next(run(iter([(trace, (IMPORT, str(folder / IMPORT)))]), 1))
    names = list(properties())
    ran, seconds = {IMPORT: read_trace(folder / IMPORT)[1]}, dict[str, float]()
    each = ((trace, (name, str(folder / name))) for name in names)
    for (_, (name, into)), _, took in run(each, at_once):
        told, ran[name] = read_trace(Path(into))
        seconds[name] = took
        if told != "clean":
            sys.exit(f"the code without a mutant is not clean: {name}: {told}")
    return ran, seconds


def known(at_once: int, file: Path | None) -> tuple[dict[str, Lines], dict[str, float]]:
    """Return the map of this tree from a file, or make it and keep it there."""
    of = hashlib.blake2b(b"".join(path.read_bytes() for path in sorted(Path().glob("sad*/**/*.py")))).hexdigest()
    if file is not None and file.exists() and (kept := json.loads(file.read_text(encoding="utf-8")))["of"] == of:
        properties()
        lines = {name: {p: set(some) for p, some in where.items()} for name, where in kept["ran"].items()}
        return lines, kept["seconds"]
    with TemporaryDirectory() as made:
        ran, seconds = mapped(at_once, Path(made))
    if file is not None:
        plain = {name: {p: sorted(some) for p, some in where.items()} for name, where in ran.items()}
        file.write_text(json.dumps({"of": of, "ran": plain, "seconds": seconds}), encoding="utf-8")
    return ran, seconds


def judged(chosen: Sequence[Mutant], at_once: int, order: Order) -> Iterator[tuple[Mutant, str | None]]:
    """Judge mutants; yield what noticed each, or None."""
    with TemporaryDirectory() as made:

        def each() -> Iterator[Job]:
            for number, mutant in enumerate(chosen):
                anew = at_import(mutant, order.ran)
                yield judge, (mutant, anew, order.of(mutant), str(Path(made) / f"{number}.json"))

        for (_, (mutant, _, names, out)), ended, _ in run(each(), at_once):
            there = Path(out).exists()
            found = json.loads(Path(out).read_text(encoding="utf-8")) if there else f"crash: the process {ended}"
            order.learn(mutant, names, found)
            yield mutant, found


def libraries() -> None:
    """Load, once for every fork, what takes long."""
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    import accelerate  # noqa: F401
    import datasets  # noqa: F401
    import pydantic  # noqa: F401
    import rich.progress  # noqa: F401
    import torch
    import transformers

    for kind in KINDS:
        # transformers loads an architecture when it is first asked for
        getattr(transformers, f"{kind}ForCausalLM")
    torch.set_num_threads(1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sample", type=int, default=0, help="so many mutants, drawn by the seed; 0: all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--files", default="", help="of files alone whose path begins with one of these, by commas")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--only", default="", help="mutants whose line has this in it, as path/to/file.py:12")
    parser.add_argument("--map", type=Path, help="keep here what each property runs, for the next time")
    parser.add_argument("--json", type=Path, help="write every mutant and what noticed it here")
    given = parser.parse_args()
    os.chdir(ROOT)
    sys.path.insert(0, str(ROOT))
    asked = tuple(given.files.split(","))
    files = [path for path in paths(Path()) if path.as_posix().startswith(asked)]
    every = [place for path in files for place in places(path, LEFT_OUT.get(path.as_posix(), ()))]
    chosen = random.Random(given.seed).sample(every, given.sample) if 0 < given.sample < len(every) else every
    picked = [one for one in map(edited, chosen) if given.only in str(one)]
    libraries()
    started = time.monotonic()
    order = Order(*known(given.jobs, given.map))
    print(f"no mutant: clean, {time.monotonic() - started:.0f} s; {len(picked)} of {len(every)} mutants", flush=True)
    results = []
    for done, (mutant, found) in enumerate(judged(picked, given.jobs, order), 1):
        results.append((mutant, found))
        if found is None:
            unasked = "" if order.of(mutant) else " (nothing runs it)"
            print(f"[{done}] survives{unasked}: {mutant}", flush=True)
    _tell(results)
    if given.json:
        rows = [{"mutant": str(mutant), "noticed": found} for mutant, found in results]
        given.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")


def _tell(results: Sequence[tuple[Mutant, str | None]]) -> None:
    noticed = [found for _, found in results if found is not None]
    crashed = sum(found.startswith("crash") or "raised " in found for found in noticed)
    print(
        f"\n{len(noticed)} of {len(results)} noticed ({len(noticed) / len(results):.1%}), {crashed} of them by a crash"
    )
    by_file: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for mutant, found in results:
        by_file[str(mutant.path)][0] += found is not None
        by_file[str(mutant.path)][1] += 1
    for path, (good, whole) in sorted(by_file.items()):
        print(f"  {path:32} {good:4} of {whole}")


if __name__ == "__main__":
    main()
