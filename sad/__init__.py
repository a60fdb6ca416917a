"""Student-aware distillation: verify, train. The doctor lives in `sad_doctor`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sad.version import __version__ as __version__

if TYPE_CHECKING:
    from sad.api import Distilled, distill

__all__ = ["Distilled", "distill"]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever is asked for
    # the command line must not wait for torch
    if name in __all__:
        from sad import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
