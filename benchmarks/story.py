"""The whole story of a bug: it is put into the code that trains, the doctor judges the log of a run, `sad verify`
judges the code, the fix goes in, the run is healthy.

    python benchmarks/story.py                       # every bug of benchmarks/sickened/
    python benchmarks/story.py --codes V104,V501     # some of them
    python benchmarks/story.py --kept FILE           # goes on where it stopped: what was found is kept there

Each run is a process of its own. Which red flag is the cause of a bug was decided beforehand; a bug that no column of
a log should show has none, and whether the doctor tells its run from a healthy one is measured all the same.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch
from sickened.fault import Fault, World
from sickened.world import FAULTS, lived, mended, mended_in

Found = dict[str, dict[str, Any]]


def apart(act: Callable[..., Mapping[str, Any]], given: Fault | World) -> dict[str, Any]:
    """Return what ``act`` gives in a process of its own, and the seconds that it took."""
    ours, theirs = multiprocessing.get_context("fork").Pipe(duplex=False)

    def run() -> None:
        torch.set_num_threads(1)
        with tempfile.TemporaryDirectory() as folder:
            theirs.send(dict(act(given, Path(folder) / "run")))

    began = time.perf_counter()
    process = multiprocessing.get_context("fork").Process(target=run)
    process.start()
    theirs.close()
    try:
        found = ours.recv()
    except EOFError:
        raise SystemExit(f"the process of {given} died") from None
    process.join()
    return {**found, "seconds": time.perf_counter() - began}


def tell(faults: Sequence[Fault], kept: Path | None) -> Found:
    """Live every story; what was found before is taken from ``kept``."""
    found: Found = json.loads(kept.read_text()) if kept and kept.is_file() else {}
    for fault in faults:
        for key, act, given in ((name(fault), lived, fault), (repr(fault.world), mended, fault.world)):
            if key not in found:
                found[key] = apart(act, given)
                told = found[key]["first"] or "healthy"
                sys.stderr.write(f"{found[key]['seconds']:5.0f} s  {key}: {told} {found[key]['crashed']}\n")
                if kept:
                    kept.write_text(json.dumps(found, indent=1))
    return found


def name(fault: Fault) -> str:
    return f"{fault.code} {fault.told}"


def table(faults: Sequence[Fault], found: Found) -> str:
    """Return the table, and what it counts."""
    lines = [
        "| bug, put into the code that trains | the doctor, of the log | `sad verify`, of the code | after the fix |",
        "|---|---|---|---|",
    ]
    counts = dict.fromkeys(("traced", "right", "seen", "unseen", "verified", "healthy", "named"), 0)
    for fault in faults:
        sick, well = found[name(fault)], found[repr(fault.world)]
        first = sick["first"]
        right = first in fault.causes
        counts["traced"] += bool(fault.causes)
        counts["right"] += right
        counts["seen"] += bool(first) and not fault.causes
        counts["unseen"] += not first and not fault.causes
        counts["verified"] += sick["sick"]
        counts["healthy"] += not well["first"]
        counts["named"] += bool(fault.files & mended_in(fault.code))
        verdict = f"{first or 'nothing'}{', right' if right else '' if not first else ', another'}"
        expected = "" if right or not fault.causes else f" (expected: {' or '.join(fault.causes)})"
        code = f"{fault.code if sick['sick'] else 'nothing'}"
        lines.append(f"| {name(fault)} | {verdict}{expected} | {code} | {well['first'] or 'healthy'} |")
    total, traced = len(faults), counts["traced"]
    return "\n".join(
        [
            *lines,
            "",
            f"- {total} faults of {len({f.code for f in faults})} bugs; {traced} should leave a trace in a log.",
            f"- The doctor named the right cause first in {counts['right']} of {traced}. Of the {total - traced} that "
            f"should leave none, it found nothing in {counts['unseen']} and something in {counts['seen']}.",
            f"- `sad verify` found the bug in {counts['verified']} of {total}; the Fix of its page names the "
            f"file that it was in for {counts['named']}.",
            f"- After the fix the doctor found nothing in {counts['healthy']} of {total}.",
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--codes", default="", help="comma-separated; by default all")
    parser.add_argument("--kept", type=Path, help="JSON of what was found; a run that was stopped goes on from there")
    asked = parser.parse_args()
    codes = [code for code in asked.codes.split(",") if code]
    if unknown := sorted(set(codes) - {fault.code for fault in FAULTS}):
        parser.error(f"no fault {unknown[0]}; there are {', '.join(dict.fromkeys(f.code for f in FAULTS))}")
    faults = [fault for fault in FAULTS if not codes or fault.code in codes]
    print(table(faults, tell(faults, asked.kept)))


if __name__ == "__main__":
    main()
