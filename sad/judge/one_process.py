"""Makes `torch.distributed` harmless where nobody has set it up: this process is alone, and has number 0 of 1.

For a process that judges someone's code and does nothing else: it stays so until the process ends.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch.distributed as dist


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
    **dict.fromkeys(("barrier", "all_reduce", "reduce", "broadcast", "broadcast_object_list"), _nothing),
    **dict.fromkeys(("all_gather", "all_gather_object"), _gathered),
}
"""What each function does for one process."""


def alone() -> None:
    """From now on these functions answer for one process, until a group is set up."""
    if not dist.is_available():
        return
    for name, answer in ALONE.items():
        setattr(dist, name, _until_set_up(getattr(dist, name), answer))


def _until_set_up(real: Callable[..., Any], answer: Callable[..., Any]) -> Callable[..., Any]:
    def called(*given: Any, **named: Any) -> Any:  # noqa: ANN401 - whatever it takes
        return (real if dist.is_initialized() else answer)(*given, **named)

    return called
