"""Sources are read once, and are those that `inspect` reads."""

from __future__ import annotations

import ast
import inspect
from typing import Any

import pytest

from sad.judge import texts
from sad.judge.texts import text_of, tree_of


class Loss:
    """One that cannot be hashed: it is equal to others."""

    def __eq__(self, _other: object) -> bool:
        return True

    def forward(self, a: int) -> int:
        return a

    @classmethod
    def of(cls) -> int:
        return 1


def plain(a: int) -> int:
    return a


@pytest.mark.parametrize("of", [plain, Loss, Loss.forward, Loss().forward, Loss.of, vars(Loss)["of"], texts])
def test_it_is_what_is_written(of: Any) -> None:
    assert text_of(of) == inspect.getsource(of)


def test_it_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def fresh() -> int:
        return 1

    tree = tree_of(fresh)
    monkeypatch.setattr(inspect, "getsource", None)
    assert tree_of(fresh) is tree
    assert ast.unparse(tree) == text_of(fresh).replace("        return", "    return").strip().replace("    def", "def")


@pytest.mark.parametrize("of", [1, len, Loss()])
def test_what_has_no_source_is_told_as_inspect_tells_it(of: Any) -> None:
    with pytest.raises((OSError, TypeError)):
        text_of(of)
