"""The whole story of a bug: it is put into the code that trains, the doctor judges the log of a run, `sad verify`
judges the code, the fix goes in, the run is healthy.

    python benchmarks/story.py                       # every bug of benchmarks/sickened/
    python benchmarks/story.py --codes V104,V501     # some of them
    python benchmarks/story.py --kept FILE           # goes on where it stopped: what was found is kept there

Each run is a process of its own. Which red flag is the cause of a bug was decided beforehand; a bug that no column of
a log should show has none, and whether the doctor tells its run from a healthy one is measured all the same. Where a
red flag was expected and the curves turned out to be a sound run's, both are said. Bugs that leave a trace elsewhere,
and cannot be put into this code, are listed with the reason. Exit code 1 where a row is not as it should be.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch
from sickened.fault import Fault, World
from sickened.world import FAULTS, lived, mended, mended_in

Found = dict[str, dict[str, Any]]

ABSENT = {
    "V408": "a recipe names the batch of one process, and no global batch is divided by devices and nodes",
}
"""Bugs that `fixtures/bugs.json` says a log shows, and why they cannot be put into the code that trains."""


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


def doctor(fault: Fault, sick: dict[str, Any]) -> tuple[str, str]:
    """Return what the doctor made of it, as it is counted, and how that is told."""
    first, hint = sick["first"], next(iter(sick["hints"]), "")
    if first in fault.causes:
        return "right", f"{first}, right"
    expected = f" (expected: {' or '.join(fault.causes)})" if fault.causes else ""
    if first:
        return "another", f"{first}, another{expected}"
    if hint in fault.causes:
        return "hint", f"a hint, {hint}"
    return "nothing", f"nothing{expected}{': ' * bool(fault.unseen)}{fault.unseen}"


def code(fault: Fault, sick: dict[str, Any]) -> str:
    """Return whose properties find it in the code."""
    return fault.code if sick["sick"] else fault.neighbour if sick.get("beside") else "nothing"


def table(faults: Sequence[Fault], found: Found) -> str:
    """Return the table, and what it counts."""
    lines = [
        "| bug, put into the code that trains | the doctor, of the log | `sad verify`, of the code | after the fix |",
        "|---|---|---|---|",
    ]
    says = Counter[tuple[str, str]]()
    verified, healthy, named = Counter[str](), 0, 0
    for fault in faults:
        sick, well = found[name(fault)], found[repr(fault.world)]
        kind = "none" if not fault.causes else "lost" if fault.unseen else "traced"
        verdict, told = doctor(fault, sick)
        says[kind, verdict] += 1
        by = code(fault, sick)
        verified["own" if by == fault.code else "none" if by == "nothing" else "beside"] += 1
        healthy += not well["first"]
        named += bool(fault.files & mended_in(fault.code))
        lines.append(f"| {name(fault)} | {told} | {by} | {well['first'] or 'healthy'} |")
    total = len(faults)
    kinds = Counter(kind for kind, _ in says.elements())
    expected, right = kinds["traced"] + kinds["lost"], says["traced", "right"] + says["lost", "right"]
    return "\n".join(
        [
            *lines,
            "",
            f"- {total} faults of {len({f.code for f in faults})} bugs. Of {expected} a red flag was expected "
            f"beforehand: the doctor named a right one first in {right}, and as its first hint, with no warning, in "
            f"{says['traced', 'hint'] + says['lost', 'hint']} more.",
            f"- In {kinds['lost']} of those {expected} the log turned out to show nothing: of the "
            f"{kinds['traced']} whose log shows it, the doctor named a right one first in {says['traced', 'right']}.",
            f"- Of the {kinds['none']} that should leave no trace, it found nothing in {says['none', 'nothing']} and "
            f"something in {says['none', 'another']}.",
            f"- `sad verify` found {verified['own']} of {total} by the properties of the same bug, "
            f"{verified['beside']} more by those of a neighbour; the Fix of the page names the file "
            f"that it was in for {named}.",
            f"- After the fix the doctor found nothing in {healthy} of {total}.",
            *(f"- Not in the table: {one}, as {why}." for one, why in ABSENT.items()),
        ]
    )


def unlike(faults: Sequence[Fault], found: Found) -> list[str]:
    """Return the faults whose row is not as it should be: not told by the log that shows them, or told where none does;
    not found in the code; not healthy after the fix.
    """
    wrong = []
    for fault in faults:
        verdict, _ = doctor(fault, found[name(fault)])
        told = verdict in (("right", "hint") if fault.causes and not fault.unseen else ("nothing", "right"))
        if not told or code(fault, found[name(fault)]) == "nothing" or found[repr(fault.world)]["first"]:
            wrong.append(name(fault))
    return wrong


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--codes", default="", help="comma-separated; by default all")
    parser.add_argument("--kept", type=Path, help="JSON of what was found; a run that was stopped goes on from there")
    asked = parser.parse_args()
    codes = [code for code in asked.codes.split(",") if code]
    if unknown := sorted(set(codes) - {fault.code for fault in FAULTS}):
        parser.error(f"no fault {unknown[0]}; there are {', '.join(dict.fromkeys(f.code for f in FAULTS))}")
    faults = [fault for fault in FAULTS if not codes or fault.code in codes]
    found = tell(faults, asked.kept)
    print(table(faults, found))
    if wrong := unlike(faults, found):
        raise SystemExit(f"not as it should be: {', '.join(wrong)}")


if __name__ == "__main__":
    main()
