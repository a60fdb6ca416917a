"""Exports the trained student in Hugging Face's format."""

from __future__ import annotations

from pathlib import Path

from sad.distiller import Distiller
from sad.train.plan import Plan
from sad.train.processes import sharded
from sad.train.saving import disk, random_states


def export(plan: Plan, distiller: Distiller, folder: Path) -> None:
    """Write the student, and nothing but the student, in Hugging Face format with its tokenizer: there whole or not.

    Every process takes part, for weights that are in pieces; the first one writes. Raises OSError.
    """
    first = random_states.rank() == 0
    cut = sharded.is_sharded(distiller)
    more = {"state_dict": sharded.whole_state(distiller.student, keep=first)} if cut else {}
    if not first:
        return
    temporary = disk.aside(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        disk.discard(temporary)
        # the library makes none where a file is in the way, and says so to nobody
        temporary.mkdir()
        with disk.errors():
            distiller.student.save_pretrained(temporary, **more)  # type: ignore[operator]
            plan.pair.readers.student.tokenizer.save_pretrained(temporary)
        disk.remove(folder)
        temporary.replace(folder)
    except OSError:
        disk.discard(temporary)
        raise
