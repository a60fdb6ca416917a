"""Copies each checkpoint to another folder, for machines that lose their disk; a run can be resumed from the copy."""

from __future__ import annotations

import shutil
from pathlib import Path

from sad.train.saving import disk
from sad.train.saving.checkpoint import FOLDER, every
from sad.train.saving.folder import RECIPE
from sad_doctor.record import EVENTS, METRICS, RUN

SMALL = (RECIPE, METRICS, EVENTS, RUN)
"""What a run needs besides its checkpoint, to go on and to be looked at."""


def push(run: Path, there: Path) -> Path | None:
    """Copy the newest checkpoint of ``run``, its recipe and its record to ``there`` / its name; return that folder.

    Each file and each checkpoint is there whole or not at all; the checkpoint comes last but the record before it, so
    that what is there can always be resumed. Checkpoints that ``run`` does not keep are removed there too. Returns None
    where that place is the run itself, as after going on from a copy. Raises OSError.
    """
    copy = there.expanduser() / run.name
    if copy.exists() and copy.samefile(run):
        return None
    kept = every(run)
    (copy / FOLDER).mkdir(parents=True, exist_ok=True)
    # left by a copy that was killed
    disk.sweep(copy / FOLDER)
    for name in SMALL:
        if (run / name).is_file():
            _place(run / name, copy / name)
    if kept:
        _place(kept[-1], copy / FOLDER / kept[-1].name)
    names = {folder.name for folder in kept}
    for old in every(copy):
        if old.name not in names:
            disk.remove(old)
    return copy


def _place(source: Path, target: Path) -> None:
    """Copy a file or a folder under a name of its own, then rename it."""
    temporary = target.with_name(f".{target.name}.tmp")
    disk.discard(temporary)
    try:
        if source.is_dir():
            shutil.copytree(source, temporary)
            for file in temporary.iterdir():
                disk.sync(file)
            disk.remove(target)
        else:
            shutil.copyfile(source, temporary)
            disk.sync(temporary)
        temporary.replace(target)
    except OSError:
        disk.discard(temporary)
        raise
