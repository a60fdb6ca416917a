"""`sad verify --tokenizers T S`: how two tokenizers relate, before any model is loaded."""

from __future__ import annotations

import json
import sys
from typing import Any

SCHEMA = 1
"""Of the JSON: goes up when a key changes its meaning or goes away; new keys may come at any time."""
FINE = 0


def run_tokenizers(teacher: str, student: str, *, as_json: bool = False) -> int:
    """Show whether two tokenizers are one, which path a distillation takes, and what of a passage can be compared.

    Returns 0. Raises UserError for a tokenizer that cannot be loaded, or that does not tell what its tokens stand for.
    """
    from rich.console import Console

    from sad.quiet import quiet_libraries

    console = Console(highlight=False)
    quiet_libraries()
    told = related(teacher, student)
    if as_json:
        sys.stdout.write(json.dumps({"schema": SCHEMA, **told}, indent=1) + "\n")
        return FINE
    for name, line in lines(told):
        print(f"{name:12}  {line}", file=console.file, flush=True)
    return FINE


def related(teacher: str, student: str) -> dict[str, Any]:
    """Return how two tokenizers relate, as JSON has it."""
    from sad import passage
    from sad.align.reader import Reader
    from sad.align.spans import common
    from sad.align.vocab import VocabMap
    from sad.pair import load_tokenizer
    from sad.preflight.tokenizers import PATHS, compare

    theirs, mine = (Reader(load_tokenizer(name)) for name in (teacher, student))
    found = compare(mine, theirs, mine.size, theirs.size)
    text = passage.text()
    (own,), (other,) = mine.read([text]), theirs.read([text])
    one = mine.fingerprint == theirs.fingerprint
    shared = common(own, own if one else other)
    return {
        "teacher": teacher,
        "student": student,
        "kind": found.kind,
        "path": PATHS[found.kind],
        "differ": list(found.differ),
        "tokens": {"teacher": theirs.size, "student": mine.size},
        "shared": found.shared,
        "moved": found.moved,
        "mapped": VocabMap(mine, theirs).mapped,
        "eos": {"teacher": theirs.eos, "student": mine.eos},
        "pad": {"teacher": theirs.pad, "student": mine.pad},
        "passage": {
            "bytes": len(text.encode()),
            "teacher": len(other.ids),
            "student": len(own.ids),
            "common": len(shared.end),
        },
    }


def lines(told: dict[str, Any]) -> list[tuple[str, str]]:
    """Return it as lines, each with its topic."""
    sizes, read = told["tokens"], told["passage"]
    differ = f"; they differ in {', '.join(told['differ'])}" if told["differ"] else ""
    found = [
        ("tokenizers", f"{told['kind']}: teacher {sizes['teacher']:,} tokens, student {sizes['student']:,}{differ}")
    ]
    if sizes["teacher"] == sizes["student"] and told["moved"]:
        says = f"equal sizes, yet not one tokenizer: {told['moved']:.0%} of the ids mean other bytes"
        found.append(("", f"{says}; code that matches ids would train on noise"))
    found.append(("path", told["path"]))
    found.append(
        ("vocabulary", f"{told['shared']:.0%} of the teacher's tokens are the student's too, {told['mapped']:.0%} map")
    )
    share = read["common"] / max(1, read["student"])
    says = f"{read['teacher']} and {read['student']} tokens for a passage of {read['bytes']} bytes"
    found.append(("boundaries", f"{says}, {read['common']} common ({share:.0%} of the student's)"))
    marks = [f"{side}: EOS {told['eos'][side]}, pad {told['pad'][side]}" for side in ("teacher", "student")]
    same = [side for side in ("teacher", "student") if told["eos"][side] == told["pad"][side]]
    more = f"; pad is EOS in the {' and the '.join(same)}: mask labels by length, not by id" if same else ""
    found.append(("marks", f"{'; '.join(marks)}{more}"))
    return found
