"""Which code is broken: what decides the numbers that a run trains by and is scored with; and why the rest is not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

FILES = (
    # what is compared with what, and by which formula
    *("sad/losses/*.py", "sad/align/*.py", "sad/head/*.py", "sad/models/attention.py", "sad/rows.py"),
    # texts to examples, examples to steps and batches
    *("sad/data/*.py", "sad/batch.py"),
    # terms to a loss, and to scores
    *(f"sad/terms/{name}.py" for name in ("teacher", "view", "table")),
    *(f"sad/{name}.py" for name in ("objective", "models/forward", "distiller", "evaluate")),
    # the step, the loop around it, and what a checkpoint brings back
    *(f"sad/train/{name}.py" for name in ("plan", "parts", "loop", "step", "optimizer", "held_out")),
    *(f"sad/train/{name}.py" for name in ("batches/feed", "update")),
    *(f"sad/train/processes/{name}.py" for name in ("devices", "elastic", "gradients")),
    *(f"sad/train/saving/{name}.py" for name in ("checkpoint", "random_states")),
    # what follows the student
    *("sad/aware/*.py", "sad/train/aware.py", "sad/train/ledger/grad_shares.py"),
    # a teacher from a cache
    *(f"sad/cache/{name}.py" for name in ("bits", "layout", "lists", "part", "reader", "writer", "manifest")),
)
"""Of sad/train the rest reads settings, guards a run, or tells of it; of sad/cache, what a cache is a cache of."""

NOT_HERE = {
    "sad/align/worker.py": "who does the work, not what it gives: processes are started for megabytes of text alone",
    "sad/head/fused.py": "a GPU's kernel: `sad verify` runs on a processor",
    "sad/head/kernel.py": "the same",
    "sad/head/kernel_lists.py": "the same",
}
"""Files that fit and are left as they are, each with its reason."""

LEFT_OUT = {
    # words for people, and guards
    "sad/align/token_bytes.py": ("_backend",),
    # a form for callers from outside: nothing that trains, or scores, calls it
    "sad/losses/lm.py": ("cross_entropy",),
    # how much at a time; a GPU's way, its memory, and several of them; of factors in half precision a processor asks
    # only whether it may be fast with them, and can be
    "sad/head/products.py": ("_half", "native_halves"),
    "sad/head/blocks.py": ("_fuse", "portions", "fused_portions"),
    "sad/head/likelihood.py": ("portion",),
    "sad/head/job.py": ("simple",),
    "sad/batch.py": ("pinned",),
    "sad/align/reader.py": ("__getstate__",),  # for processes that no check starts
    "sad/models/attention.py": ("require_maps",),
    "sad/data/prepared.py": ("left_out",),
    "sad/cache/bits.py": ("error",),
    "sad/cache/part.py": ("size", "rows", "check_shard"),
    "sad/cache/reader.py": ("check", "check_layers", "told"),
    # guards: of a head that is none, of a cache of another teacher, of files that were damaged
    "sad/head/linear.py": ("check_head",),
    "sad/cache/writer.py": ("took", "check_hashes", "_take_up", "_key", "_hash"),
    "sad/train/loop.py": ("_undo", "_measurements"),
    # a guard: of terms that a pair cannot have; and the contract of a user's own term
    "sad/distiller.py": ("check_terms", "term"),
    # how files are kept, by whom and for how long; who shares the work
    "sad/data/cache.py": (
        *("default_workers", "cores", "aside", "_alone", "sync", "sweep"),
        *("_checked", "nothing"),  # what is said of a text without an example
    ),
    "sad/data/schedule.py": ("remember",),  # how many orders that can be made again are kept
    "sad/data/stream.py": ("_due",),  # how far ahead a thread works: who needs a window waits for it
    "sad/train/saving/checkpoint.py": (
        *("amend", "drop_after", "last_before", "become", "_first_line"),
        *("__init__", "state_dict"),  # of weights in pieces
    ),
    # which models, text, device and type a recipe names; what is told of them
    "sad/train/plan.py": (
        *("make_plan", "_train_examples", "check_cache", "choose_device"),
        *("facts", "layers", "layers_of", "key"),
        *("eval_every", "save_every"),  # how often a run is scored, and saved
    ),
    "sad/train/processes/devices.py": ("sharding", "place"),
}
"""Functions of these files that are left as they are: none of them computes what a number is made of."""


def paths(root: Path) -> Iterator[Path]:
    """Yield the files that are broken, relative to ``root``. Raises ValueError for a pattern that fits none."""
    for pattern in FILES:
        found = sorted(root.glob(pattern))
        if not found:
            raise ValueError(f"no file fits {pattern}")
        for path in found:
            name = path.relative_to(root)
            if path.name != "__init__.py" and name.as_posix() not in NOT_HERE:
                yield name
