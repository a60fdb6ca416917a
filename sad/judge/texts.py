"""The source of what is judged, read once: `inspect` takes a file apart token by token each time that it is asked, and
a loss is asked for in each form that it may be called in.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from functools import lru_cache
from typing import Any

MOST = 4096
"""Sources that are kept, which is more than one piece of code has."""


def text_of(of: Any) -> str:  # noqa: ANN401 - whatever has a source
    """Return the source of a function, class or module. Raises OSError or TypeError where there is none to read."""
    # a bound method by its function: what it is bound to need not be hashable
    return _text(getattr(of, "__func__", of))


def tree_of(of: Any) -> ast.Module:  # noqa: ANN401
    """Return it as a tree, the same for everybody: look, and change nothing.

    Raises SyntaxError besides, where it is no code by itself, as of a lambda in the middle of a line.
    """
    return _tree(getattr(of, "__func__", of))


@lru_cache(maxsize=MOST)
def _text(of: Any) -> str:  # noqa: ANN401
    return inspect.getsource(of)


@lru_cache(maxsize=MOST)
def _tree(of: Any) -> ast.Module:  # noqa: ANN401
    return ast.parse(textwrap.dedent(_text(of)))
