"""What code fetches by name while it is judged: models, tokenizers and configurations that are here stand for it.

`self.teacher = AutoModel.from_pretrained(…)` is told by the name that it is given to: a teacher, else the student.
"""

from __future__ import annotations

import ast
import linecache
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

import torch

MODELS = (
    ("transformers.modeling_utils", "PreTrainedModel"),
    ("transformers.models.auto.auto_factory", "_BaseAutoModelClass"),
)
TOKENIZERS = (
    ("transformers.tokenization_utils_base", "PreTrainedTokenizerBase"),
    ("transformers.models.auto.tokenization_auto", "AutoTokenizer"),
)
CONFIGURATIONS = (
    ("transformers.configuration_utils", "PretrainedConfig"),
    ("transformers.models.auto.configuration_auto", "AutoConfig"),
)
"""Where what fetches is defined; what is not imported fetches nothing."""
FETCH = ("from_pretrained", "from_config")
WALKED = 6
"""Calls from what fetches up to what is judged in which a name is looked for."""


@contextmanager
def fetched(student: Any, teacher: Any, tokenizer: Any, is_teacher: Callable[[str], bool]) -> Iterator[None]:  # noqa: ANN401 - stand-ins
    """As long as it is open, what is fetched is the student or the teacher, as its name says, and their tokenizer.

    What cannot be saved is not.
    """

    def model(*_: object, **__: object) -> Any:  # noqa: ANN401
        return teacher if any(is_teacher(name) for name in _names(sys._getframe(1))) else student

    def configuration(*_: object, **__: object) -> Any:  # noqa: ANN401
        return student.config

    save = torch.save

    def saved(*given: Any, **named: Any) -> None:  # noqa: ANN401 - torch's
        # a folder of its program's that is not there
        with suppress(OSError, RuntimeError):
            save(*given, **named)

    before: list[tuple[Any, str, Any]] = [(torch, "save", save)]
    setattr(torch, "save", saved)  # noqa: B010 - a function is no attribute that may be set
    for places, answer in ((MODELS, model), (TOKENIZERS, lambda *_, **__: tokenizer), (CONFIGURATIONS, configuration)):
        for module, name in places:
            for of in _kinds(getattr(sys.modules.get(module), name, None)):
                for method in FETCH:
                    if method in vars(of):
                        before.append((of, method, vars(of)[method]))
                        setattr(of, method, staticmethod(answer))
    try:
        yield
    finally:
        for of, method, was in before:
            setattr(of, method, was)


def _kinds(of: Any) -> list[Any]:  # noqa: ANN401 - a class, or None
    """A class and all that are made from it, none for none."""
    return [] if of is None else [of, *(one for kind in of.__subclasses__() for one in _kinds(kind))]


def _names(frame: FrameType | None) -> list[str]:
    """What a value is given to in the function that asks for it, and in those that call that; the nearest that tells.

    A function of the name `load_teacher` tells too.
    """
    for _ in range(WALKED):
        if frame is None:
            return []
        found = _targets(frame)
        if found:
            return found
        frame = frame.f_back
    return []


def _targets(frame: FrameType) -> list[str]:
    """The names that a statement under way assigns to, with that of its function where it returns its value."""
    file = frame.f_code.co_filename
    try:
        tree = ast.parse("".join(linecache.getlines(file)))
    except SyntaxError:
        return []
    found = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Assign | ast.AnnAssign | ast.Return):
            continue
        if not node.lineno <= frame.f_lineno <= (node.end_lineno or node.lineno):
            continue
        if isinstance(node, ast.Return):
            found.append(frame.f_code.co_name.removeprefix("load_").removeprefix("get_").removeprefix("build_"))
            continue
        every = node.targets if isinstance(node, ast.Assign) else [node.target]
        found += [one.attr if isinstance(one, ast.Attribute) else getattr(one, "id", "") for one in every]
    return [name for name in found if name not in ("", "model")]
