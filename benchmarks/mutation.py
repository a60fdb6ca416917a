"""Breaks the code that trains by one small edit at a time, and counts the edits that `sad verify --all` notices.

    python benchmarks/mutation.py --sample 300 --seed 0 --jobs 2

Every mutant is judged in a process of its own that has it in place of the shipped file: the properties of the whole
catalogue are asked of the code that trains, until one breaks. Survivors are listed; read them: some change nothing
that anyone can observe, some are what the catalogue does not see yet.
"""

from __future__ import annotations

import argparse
import importlib.abc
import importlib.util
import json
import os
import random
import signal
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from importlib.machinery import ModuleSpec
from multiprocessing import get_context
from pathlib import Path
from types import ModuleType

from mutants import Mutant, mutants

ROOT = Path(__file__).resolve().parents[1]
UNDER_TEST = (
    *("sad/losses/*.py", "sad/align/*.py", "sad/objective.py", "sad/evaluate.py", "sad/terms.py", "sad/forward.py"),
    *("sad/distiller.py", "sad/data.py"),
    *("sad/train/loop.py", "sad/train/step.py", "sad/train/optimizer.py", "sad/train/checkpoint.py"),
)
"""What computes and trains. The rest of sad/train talks to people, names folders and catches signals."""
KINDS = ("Llama", "Granite", "Gemma2", "Phi", "Cohere")
"""Architectures of the tiny models."""
LIMIT = 600.0
"""Seconds; a mutant that takes longer hangs, and is noticed for that."""


WIDEST = ("V113 objective_matches_the_texts", "V401 split_invariance", "V501 resume_equivalence")
"""Asked first where nothing is known of a file yet: they look at the most code."""


class Planted(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Loads the mutant's source in place of its file."""

    def __init__(self, mutant: Mutant) -> None:
        self.name = ".".join(mutant.path.with_suffix("").parts)
        self.mutant = mutant

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> ModuleSpec | None:
        return importlib.util.spec_from_loader(fullname, self) if fullname == self.name else None

    def exec_module(self, module: ModuleType) -> None:
        module.__file__ = str(ROOT / self.mutant.path)
        exec(compile(self.mutant.source, module.__file__, "exec"), module.__dict__)


def judge(mutant: Mutant | None, out: str, first: Sequence[str]) -> None:
    """Ask every property of the code that trains, with the mutant in it; write what broke first, or nothing.

    Those named in ``first`` are asked first: they noticed other mutants of the same file.
    """
    os.setsid()
    sink = os.open(os.devnull, os.O_WRONLY)
    os.dup2(sink, 1)
    os.dup2(sink, 2)
    if mutant is not None:
        sys.meta_path.insert(0, Planted(mutant))
    try:
        from sad import verify

        found = next(_broken(verify, first), None)
    except BaseException as error:
        found = f"crash: {type(error).__name__}: {error}"
    Path(out).write_text(json.dumps(found), encoding="utf-8")


def _broken(verify: ModuleType, first: Sequence[str]) -> Iterator[str]:
    pairs = {(i, bug.fixed): f"{bug.code} {i.__name__}" for bug in reversed(verify.BUGS) for i in bug.invariants}
    rank = {name: place for place, name in enumerate(first)}
    for (invariant, fixed), name in sorted(pairs.items(), key=lambda one: (rank.get(one[1], len(rank)), one[1])):
        verdict = verify._judge(invariant, fixed, on_error=False)
        if not verdict.holds:
            yield f"{name}: {verdict.says}"


def run(chosen: Sequence[Mutant | None], jobs: int, folder: Path) -> Iterator[tuple[Mutant | None, str | None]]:
    """Judge mutants, ``jobs`` at a time, each in a fork of this process (which has the libraries, and no sad)."""
    context, waiting, running = get_context("fork"), list(enumerate(chosen)), {}
    noticed: dict[Path | None, Counter[str]] = defaultdict(lambda: Counter(WIDEST))
    while waiting or running:
        while waiting and len(running) < jobs:
            number, mutant = waiting.pop(0)
            out = folder / f"{number}.json"
            path = mutant and mutant.path
            first = [name for name, _ in noticed[path].most_common()]
            process = context.Process(target=judge, args=(mutant, str(out), first))
            process.start()
            running[number] = (process, mutant, out, time.monotonic())
        time.sleep(0.05)
        for number, (process, mutant, out, started) in list(running.items()):
            late = time.monotonic() - started > LIMIT
            if process.is_alive() and not late:
                continue
            if late:
                os.killpg(process.pid, signal.SIGKILL)
            process.join()
            del running[number]
            found = "hangs" if late else json.loads(out.read_text()) if out.exists() else "crash: process died"
            if found and found.startswith("V"):
                noticed[mutant and mutant.path][found.partition(":")[0]] += 1
            yield mutant, found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sample", type=int, default=0, help="so many mutants, drawn by the seed; 0: all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", default="", help="files whose path has this in it")
    parser.add_argument("--json", type=Path, help="write every mutant and what noticed it here")
    given = parser.parse_args()
    os.chdir(ROOT)
    sys.path.insert(0, str(ROOT))
    paths = [p for pattern in UNDER_TEST for p in sorted(Path().glob(pattern)) if p.name != "__init__.py"]
    every = [mutant for path in paths if given.only in path.as_posix() for mutant in mutants(path)]
    chosen = random.Random(given.seed).sample(every, given.sample) if 0 < given.sample < len(every) else every

    import accelerate  # noqa: F401 - loaded once, for every fork
    import datasets  # noqa: F401
    import pydantic  # noqa: F401
    import rich.progress  # noqa: F401
    import torch
    import transformers

    for kind in KINDS:
        # transformers loads an architecture when it is first asked for
        getattr(transformers, f"{kind}ForCausalLM")
    torch.set_num_threads(1)
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as made:
        started = time.monotonic()
        ((_, sick),) = run([None], 1, Path(made))
        if sick is not None:
            sys.exit(f"the code without a mutant is not clean: {sick}")
        print(
            f"no mutant: clean, {time.monotonic() - started:.0f} s; {len(chosen)} of {len(every)} mutants", flush=True
        )
        results = []
        for done, (mutant, found) in enumerate(run(chosen, given.jobs, Path(made)), 1):
            results.append((mutant, found))
            if found is None:
                print(f"[{done}] survives: {mutant}", flush=True)
    noticed = [found for _, found in results if found is not None]
    crashed = sum(found.startswith(("crash", "hangs")) or "raised " in found for found in noticed)
    print(
        f"\n{len(noticed)} of {len(results)} noticed ({len(noticed) / len(results):.1%}), {crashed} of them by a crash"
    )
    by_file = {str(mutant.path): [0, 0] for mutant, _ in results}
    for mutant, found in results:
        by_file[str(mutant.path)][0] += found is not None
        by_file[str(mutant.path)][1] += 1
    for path, (good, whole) in sorted(by_file.items()):
        print(f"  {path:32} {good:4} of {whole}")
    if given.json:
        rows = [{"mutant": str(mutant), "noticed": found} for mutant, found in results]
        given.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
