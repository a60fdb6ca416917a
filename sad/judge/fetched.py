"""What code fetches by name while it is judged: models, tokenizers and configurations that are here stand for it.

`self.teacher = AutoModel.from_pretrained(…)` is told by the words around it: a teacher, else the student.
"""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import torch

from sad.judge.stand_in import NeedsAdapterError
from sad.judge.whose import whose

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


@contextmanager
def fetched(
    student: Any,  # noqa: ANN401 - stand-ins
    teacher: Any,  # noqa: ANN401
    tokenizer: Any,  # noqa: ANN401
    is_teacher: Callable[[str], bool],
) -> Iterator[list[bool]]:
    """As long as it is open, what is fetched is the student or the teacher, as its name says, and their tokenizer.

    Yields the list of the models that were fetched so far, of each whether it is a teacher. What cannot be saved is
    not. Raises UserError where one is fetched beside a student, untrained, and nothing says which it is.
    """
    every: list[bool] = []
    untold: set[tuple[str, int]] = set()

    def model(*_: object, **__: object) -> Any:  # noqa: ANN401
        frame = sys._getframe(1)
        told = whose(frame, is_teacher)
        every.append(told is True)
        if told is None:
            untold.add((frame.f_code.co_filename, frame.f_lineno))
            trained = any(one.grad is not None for one in student.parameters())
            if len(untold) > 1 and not trained and True not in every:
                raise NeedsAdapterError("it fetches two models, and no name says which is the teacher")
        return teacher if told else student

    def configuration(*_: object, **__: object) -> Any:  # noqa: ANN401
        return student.config

    save = torch.save

    def saved(*given: Any, **named: Any) -> None:  # noqa: ANN401 - torch's
        # a folder of its program's that is not there, and stand-ins, which are no data
        with suppress(OSError, RuntimeError, AttributeError, TypeError, pickle.PicklingError):
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
        yield every
    finally:
        for of, method, was in before:
            setattr(of, method, was)


def _kinds(of: Any) -> list[Any]:  # noqa: ANN401 - a class, or None
    """A class and all that are made from it, none for none."""
    return [] if of is None else [of, *(one for kind in of.__subclasses__() for one in _kinds(kind))]
