"""Makes `torch.distributed` harmless where nobody has set it up: this process is alone, and has number 0 of 1.

Code that reads its number from the environment without asking whether it is there reads that one too.

For a process that judges someone's code and does nothing else: it stays so until the process ends.
"""

from __future__ import annotations

import linecache
import os
import re
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel


def _nothing(*_: object, **__: object) -> None:
    """Wait for nobody, and leave what is there as it is: a sum over one process is its term."""


def _gathered(into: list[Any], of: Any, *_: object, **__: object) -> None:  # noqa: ANN401 - tensors or objects
    """Put what one process has in the first place of a list."""
    if hasattr(into[0], "copy_"):
        into[0].copy_(of)
    else:
        into[0] = of


ALONE: Mapping[str, Callable[..., Any]] = {
    "get_rank": lambda *_, **__: 0,
    "get_world_size": lambda *_, **__: 1,
    **dict.fromkeys(
        ("destroy_process_group", "barrier", "all_reduce", "reduce", "broadcast", "broadcast_object_list"), _nothing
    ),
    **dict.fromkeys(("all_gather", "all_gather_object"), _gathered),
}
"""What each function does for one process."""
STARTED = {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "0"}
"""What a starter of several processes puts into the environment. It is not there for whoever asks first: libraries take
it for the sign that there are several.
"""


ASSERTS = re.compile(r"\s*assert ['\"]\w+['\"] in os\.environ")
"""A line that ends the program where it was not started as one of several processes."""
LIBRARIES = ("site-packages", "dist-packages", "<frozen", str(Path(os.__file__).parent))
"""What the names of files of libraries have in them."""


def _started() -> None:
    """Let code of a program that asks `os.environ["RANK"]` find it. Whether it is there is answered as before, but for
    code that asserts it.
    """
    real, there = type(os.environ).__getitem__, type(os.environ).__contains__

    def has(self: Any, name: object) -> bool:  # noqa: ANN401 - the environment
        if there(self, name) or name not in STARTED:
            return there(self, name)
        frame = sys._getframe(1)
        return ASSERTS.match(linecache.getline(frame.f_code.co_filename, frame.f_lineno)) is not None

    def asked(self: Any, name: str) -> str:  # noqa: ANN401 - the environment
        try:
            return real(self, name)
        except KeyError:
            file = sys._getframe(1).f_code.co_filename
            if name not in STARTED or any(part in file for part in LIBRARIES):
                raise
            return STARTED[name]

    setattr(type(os.environ), "__getitem__", asked)  # noqa: B010 - a method is no attribute that may be set
    setattr(type(os.environ), "__contains__", has)  # noqa: B010


def alone() -> None:
    """From now on these functions answer for one process, until a group is set up."""
    _started()
    if not dist.is_available():
        return
    for name, answer in ALONE.items():
        setattr(dist, name, _until_set_up(getattr(dist, name), answer))
    _wrapped()
    set_up = dist.init_process_group

    def of_one(backend: Any = None, *given: Any, **named: Any) -> None:  # noqa: ANN401 - torch's
        if backend == "gloo":
            set_up(backend, *given, **named)

    # of devices that are not here no group is set up
    setattr(dist, "init_process_group", of_one)  # noqa: B010


def _wrapped() -> None:
    """Let a model that is wrapped for several processes be asked as it is, where no group is set up."""
    kind: Any = DistributedDataParallel
    made, asked, waits = kind.__init__, kind.forward, kind.no_sync

    def init(self: Any, module: torch.nn.Module, *given: Any, **named: Any) -> None:  # noqa: ANN401 - as torch's
        if dist.is_initialized():
            made(self, module, *given, **named)
            return
        torch.nn.Module.__init__(self)
        self.module = module

    def forward(self: Any, *given: Any, **named: Any) -> Any:  # noqa: ANN401
        return asked(self, *given, **named) if dist.is_initialized() else self.module(*given, **named)

    def no_sync(self: Any) -> AbstractContextManager[None]:  # noqa: ANN401
        found: AbstractContextManager[None] = waits(self) if dist.is_initialized() else nullcontext()
        return found

    kind.__init__, kind.forward, kind.no_sync = init, forward, no_sync


def _until_set_up(real: Callable[..., Any], answer: Callable[..., Any]) -> Callable[..., Any]:
    def called(*given: Any, **named: Any) -> Any:  # noqa: ANN401 - whatever it takes
        return (real if dist.is_initialized() else answer)(*given, **named)

    return called
