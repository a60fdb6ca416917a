"""Training under the faults of real machines, each planted in real runs of the tiny pair.

    PYTHONPATH=. python benchmarks/faults.py kill --kills 100 [--seed 0] [--lanes 2]
    PYTHONPATH=. python benchmarks/faults.py kill --each 20 --kinds "before a rename" "two, rename" [--lanes 2]

`kill` sends SIGKILL at moments drawn from the seed and compares the end with the run that was never killed, to the last
bit. Exit code 1 if something is not as it must be; the same seed draws the same moments again.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path


def kill(given: argparse.Namespace, folder: Path) -> int:
    """Print how many kills of each kind there were, and whatever was wrong after them."""
    from faulted.kills import Counts, lane
    from faulted.moments import NAMES
    from faulted.world import STEPS

    began = time.monotonic()
    seed, lanes, kinds = given.seed, given.lanes, given.kinds or NAMES
    if unknown := set(kinds) - set(NAMES):
        raise SystemExit(f"no kinds of kills: {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    each = given.each or given.kills
    seeds = [seed * lanes + number for number in range(lanes)]
    shares = [_share(each * len(kinds) if given.each else given.kills, lanes, number) for number in range(lanes)]
    wanted = [{kind: _share(each, lanes, number) for kind in kinds} for number in range(lanes)]
    counts = Counts()
    with ProcessPoolExecutor(lanes, get_context("spawn")) as pool:
        for one in pool.map(partial(lane, folder), seeds, shares, wanted, [given.seconds] * lanes):
            counts.add(one)
    print(f"seed {seed}, {lanes} lanes, {STEPS} steps a run")
    for kind in kinds:
        print(f"{kind:16} {counts.kills[kind]:4} kills")
    print(f"{'in all':16} {counts.kills.total():4} kills, {counts.ends} runs that came to their end")
    print(f"{counts.anew} starts anew for want of a checkpoint; {counts.alone} processes waited for a dead one")
    print(f"{len(counts.wrong)} wrong")
    print(f"{time.monotonic() - began:.0f} s")
    return int(bool(counts.wrong))


def _share(of: int, lanes: int, number: int) -> int:
    return of // lanes + (number < of % lanes)


def disk(folder: Path, names: str) -> int:
    """Print of each fault of a disk whether the run did what it must."""
    from faulted import world
    from faulted.disk import Disks

    return _listed(Disks(world.make(folder / "world")).every(names))


def data(folder: Path) -> int:
    """Print of each kind of data whether it is trained on, or refused in one line."""
    from faulted import world
    from faulted.inputs import Inputs

    return _listed(Inputs(world.make(folder / "world")).every())


def models(folder: Path, command: str, cases: list[int] | None) -> int:
    """Print of each pair of models what `sad train` or `sad verify` says of it."""
    from faulted import world
    from faulted.models import Models

    return _listed(Models(world.make(folder / "world"), command, cases).every())


def soak(trained: int, folder: Path, records: int | None = None, minutes: float | None = None) -> int:
    """Print what six hours take of memory and time, in training and in the doctor that follows; 1 above a limit."""
    from faulted import soak, world

    began, records = time.monotonic(), records or soak.STEPS
    hours = f"{records * soak.PACE / 3600:.3g} hours, one a second"
    print(f"{trained:,} steps are trained, their record goes on to {max(trained, records):,}: {hours}")
    wrong = printed(soak.soak(world.make(folder / "world"), trained, records, minutes=minutes), soak.WRONG)
    print(f"{wrong} limits passed; {time.monotonic() - began:.0f} s")
    return int(bool(wrong))


def printed(lines: Iterable[str], wrong: str) -> int:
    """Print lines as they come; return how many begin with ``wrong``."""
    count = 0
    for line in lines:
        print(line, flush=True)
        count += line.startswith(wrong)
    return count


def _listed(found: Iterable[tuple[str, list[str]]]) -> int:
    bad = count = 0
    for name, wrong in found:
        count += 1
        failed = any(not one.startswith("(told)") for one in wrong)
        bad += failed
        print(f"{'WRONG' if failed else 'right'}  {name}", *wrong, sep="\n       ", flush=True)
    print(f"{count} faults, {bad} wrong")
    return int(bool(bad))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("kill", "disk", "data", "models", "preflight", "soak"))
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--each", type=int, help="kill so often at each kind of moment, in place of --kills")
    parser.add_argument("--kinds", nargs="+", help="kinds of moments, as they are printed; all if not given")
    parser.add_argument("--seconds", type=float, default=3600.0, help="begin no other run to kill after so long")
    parser.add_argument("--lanes", type=int, default=1, help="kill in so many worlds at once")
    parser.add_argument("--trained", type=int, default=3000)
    parser.add_argument(
        "--records", type=int, help="lines of the record that a soak goes on to; six hours if not given"
    )
    parser.add_argument("--minutes", type=float, help="end a soak's training after so many, if every step is trained")
    parser.add_argument("--only", default="", help="faults of a disk whose names hold this")
    parser.add_argument("--cases", type=int, nargs="+", help="numbers of the pairs, from 0; all if not given")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="faults-") as made:
        folder = Path(made).resolve()
        if given.what == "kill":
            return kill(given, folder)
        if given.what == "soak":
            return soak(given.trained, folder, given.records, given.minutes)
        if given.what in ("models", "preflight"):
            return models(folder, "train" if given.what == "models" else "verify", given.cases)
        return disk(folder, given.only) if given.what == "disk" else data(folder)


if __name__ == "__main__":
    sys.exit(main())
