"""The loop that trains with its weights in pieces: two processes under FSDP2, and what they save."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from shutil import copytree
from tempfile import TemporaryDirectory
from unittest.mock import patch

from safetensors.torch import load_file
from torch import Tensor

from sad.shipped.trainer import Part, ShippedTrainer, run_as_one_of_several, run_here
from sad.subjects.processes import on_processes
from sad.subjects.trainer import Setup, Trace, joined
from sad.train.processes import sharded
from sad.train.processes.devices import USE_FSDP
from sad.train.saving import checkpoint

FSDP = {USE_FSDP: "true", "FSDP_VERSION": "2"}
"""What accelerate's configuration tells a process; student and teacher are cut."""

STUDENT = "student/model.safetensors"


class ShardedTrainer(ShippedTrainer):
    """Runs the loop in this process, its weights whole, or in several, with its weights in pieces."""

    def run(self, setup: Setup) -> Trace:
        """Train, and read what was saved."""
        if setup.processes == 1:
            return run_here(setup, _read)
        return joined(on_processes(_run_in_pieces, (setup, None), setup.processes))

    def taken_up(self, setup: Setup, at: int, each: Sequence[Setup]) -> Sequence[Trace]:
        """Stop, and go on from what is in the folder of the run."""
        with TemporaryDirectory() as made:
            stopped = Path(made) / "stopped"
            stopped.mkdir()
            on_processes(_run_in_pieces, (setup, Part(stopped, at)), setup.processes)
            return [_gone_on(one, Part(stopped, at, goes_on=True), Path(made) / str(i)) for i, one in enumerate(each)]


def sharded_trainer() -> ShardedTrainer:
    """The loop that trains, with its weights in pieces."""
    return ShardedTrainer()


def _gone_on(setup: Setup, part: Part, folder: Path) -> Trace:
    """A part of a run, on a copy of what was saved."""
    copytree(part.folder, folder)
    part = replace(part, folder=folder)
    if setup.processes == 1:
        return run_here(setup, _read, part)
    return joined(on_processes(_run_in_pieces, (setup, part), setup.processes))


def _run_in_pieces(given: tuple[Setup, Part | None]) -> Trace:
    """Raise AssertionError where the teacher is not in pieces too."""
    setup, part = given
    # a process of its own, which ends with this
    os.environ.update(FSDP)
    with patch.object(sharded, "shard_teacher", wraps=sharded.shard_teacher) as cut:
        trace = run_as_one_of_several(setup, _read, part)
    assert cut.called, "the teacher is not in pieces"
    return trace


def _read(folder: Path) -> Mapping[str, Tensor]:
    """The last checkpoint's weights and moments, and the exported student's weights; nothing where another process has
    written them.
    """
    if not (folder / STUDENT).exists():
        return {}
    last = checkpoint.newest(folder)
    # the states of random generators are of each process, and bytes
    moments = {name: of for name, of in load_file(last / checkpoint.OPTIMIZER).items() if of.is_floating_point()}
    exported = {f"exported {name}": value for name, value in load_file(folder / STUDENT).items()}
    return {**load_file(last / checkpoint.MODEL), **{f"moment {name}": of for name, of in moments.items()}, **exported}
