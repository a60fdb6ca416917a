"""Makes `.cuda()`, `.to("cuda")` and `device="cuda"` harmless where there is no GPU: what they name is the processor.

For a process that judges someone's code and does nothing else: it stays so until the process ends.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from sad.judge.callers import asking

GPUS = ("cuda", "xpu", "hip", "npu", "mps")
QUIET: Mapping[str, object] = {
    "synchronize": None,
    "set_device": None,
    **dict.fromkeys(
        ("reset_peak_memory_stats", "reset_max_memory_allocated", "reset_max_memory_cached", "ipc_collect")
    ),
    "empty_cache": None,
    "current_device": 0,
    "max_memory_allocated": 0,
    "memory_allocated": 0,
    "max_memory_reserved": 0,
    "memory_reserved": 0,
    "memory_stats": Counter(),
    "get_device_name": "cpu",
    "get_device_properties": SimpleNamespace(name="cpu", total_memory=2**34, major=0, minor=0, multi_processor_count=1),
    "get_device_capability": (0, 0),
    "mem_get_info": (2**34, 2**34),
    "is_bf16_supported": False,
}
"""Functions of `torch.cuda` that ask a device and change no number, and what they answer."""


class OnProcessor(TorchFunctionMode):
    """Runs every function of torch with the processor in place of a GPU."""

    def __torch_function__(
        self, func: Callable[..., Any], types: object, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:  # noqa: ANN401 - whatever torch returns
        """Return what the function returns on the processor."""
        del types
        named = kwargs or {}
        if func is torch.Tensor.cuda:
            # a copy where there is one on a GPU, the tensor itself where it is there already
            return args[0]
        if func is torch.Tensor.to:
            args = (args[0], *(_processor(one, number=True) for one in args[1:]))
        elif any(_is_gpu(one) for one in args):
            args = [_processor(one) for one in args]
        if "device" in named:
            named = {**named, "device": _processor(named["device"], number=True)}
        return func(*args, **named)


def on_cpu() -> None:
    """From now on GPUs are the processor, where torch sees none."""
    if torch.cuda.is_available():
        return
    OnProcessor().__enter__()  # type: ignore[no-untyped-call]
    for name, answer in QUIET.items():
        setattr(torch.cuda, name, lambda *_, _answer=answer, **__: _answer)
    move = torch.nn.Module.to

    def moved(self: torch.nn.Module, *args: Any, **kwargs: Any) -> torch.nn.Module:  # noqa: ANN401 - as that of torch
        named = {key: _processor(one, number=True) for key, one in kwargs.items()}
        return move(self, *(_processor(one, number=True) for one in args), **named)

    # the number of a device is read before any function of torch is called
    torch.nn.Module.to = moved  # type: ignore[method-assign, assignment]
    if torch.accelerator.current_accelerator() is None:
        torch.accelerator.current_accelerator = _accelerator


def _accelerator(check_available: bool = False) -> torch.device | None:
    """Return the processor where a program asks for its accelerator, none where a library does."""
    del check_available
    return None if asking() is None else torch.device("cpu")


def _is_gpu(one: object) -> bool:
    if isinstance(one, torch.device):
        return one.type in GPUS
    return isinstance(one, str) and one.split(":")[0] in GPUS


def _processor(one: Any, *, number: bool = False) -> Any:  # noqa: ANN401 - a device, or something else
    """Return the processor for a GPU, or for the ``number`` of one; anything else as it is."""
    if _is_gpu(one) or (number and isinstance(one, int) and not isinstance(one, bool)):
        return torch.device("cpu")
    return one
