"""A teacher without weights: only its configuration, while a cache gives its output."""

from __future__ import annotations

from typing import Any

from torch import nn

from sad.errors import UserError
from sad.models.files import resolve, whole


class Absent(nn.Module):
    """Has ``config`` and no parameter. Raises RuntimeError when it is run."""

    def __init__(self, config: Any) -> None:  # noqa: ANN401 - transformers' configurations have no common type
        super().__init__()
        self.config = config

    def forward(self, *_: object, **__: object) -> Any:  # noqa: ANN401 - never returns
        """Raise: there is nothing to run."""
        raise RuntimeError("the teacher is in a cache: it has no weights here")


def absent_teacher(name: str) -> Absent:
    """Read the configuration of a model. Raises UserError."""
    from transformers import AutoConfig

    path = whole(name)
    gguf = path.suffix.lower() == ".gguf"
    where = str(path.parent) if gguf else str(resolve(name))
    how = {"gguf_file": path.name} if gguf else {}
    try:
        return Absent(AutoConfig.from_pretrained(where, trust_remote_code=False, **how))
    except Exception as error:
        told = str(error).strip().partition("\n")[0] or type(error).__name__
        raise UserError(f"cannot read the configuration of {name} ({told}): look at its config.json") from None
