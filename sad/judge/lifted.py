"""Definitions without the program around them: of a script that trains where it is imported, and inside a `main`."""

from __future__ import annotations

import ast
import builtins
import copy
import functools
import importlib
import importlib.util
import inspect
import re
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from sad.judge.callers import installed
from sad.judge.missing import NO_NAME, Placeholder
from sad.judge.scores import LOADS

RUNS = {
    *("from_pretrained", "load_dataset", "load_from_disk", "parse_args", "parse_args_into_dataclasses"),
    *("parse_known_args", "init_process_group", "backward", "fit"),
}
"""What is called where a file is a program: it fetches, reads its command line, or trains."""
DEFINES = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
DECORATED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
KEPT = re.compile(
    r"(property|staticmethod|classmethod|abstractmethod|dataclass|torch|functools|cached_property)\b|\w+\.setter"
)
"""Decorators that change what a definition is."""
TYPES = ("namedtuple", "NamedTuple", "TypedDict", "TypeVar", "NewType")
"""Calls that define a type."""
LIFTED = "__lifted_because__"
"""The attribute of a module of which only the definitions were run: why."""


def is_program(text: str) -> bool:
    """Whether importing a file with this text would run a program: read its arguments, fetch models, or train."""
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError):
        return False
    return any(_name_of(one) in RUNS for node in body if not _is_definition(node) for one in _calls(node))


def defines(text: str, name: str) -> bool:
    """Whether a file with this text defines a function or a class of this name at its top."""
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError):
        return False
    return any(getattr(node, "name", "") == name for node in body if _is_definition(node))


def definitions(path: Path, name: str, why: str) -> ModuleType:
    """Return a module of a file's imports, functions, classes and constants alone; ``why`` is told with the verdict.

    What of them raises is left out, but for what cannot be imported. Raises ImportError for that.
    """
    module = ModuleType(name)
    module.__file__, module.__package__ = str(path), name.rpartition(".")[0]
    _parents(path, name)
    setattr(module, LIFTED, why)
    before = sys.modules.get(name)
    # a data class looks its module up by name
    sys.modules[name] = module
    try:
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            vars(module).update(_late(node))
            if not (_is_definition(node) or _is_constant(node)):
                continue
            try:
                _run(node, path, module)
            except ModuleNotFoundError:
                raise
            except (Exception, SystemExit) as error:
                if isinstance(error, ImportError) and NO_NAME.search(str(error)):
                    raise
                if isinstance(node, ast.ImportFrom) and not _neighbour(node, path, module):
                    # it is no file of the program's, or lacks that too
                    named = {one.asname or one.name: one.name for one in node.names}
                    vars(module).update({one: Placeholder(f"{node.module}.{of}") for one, of in named.items()})
    except BaseException:
        del sys.modules[name]
        if before is not None:
            sys.modules[name] = before
        raise
    return module


def _neighbour(node: ast.ImportFrom, path: Path, module: ModuleType) -> bool:
    """Import from a neighbour that is a program, or that raises where it is imported: from its definitions alone.

    Returns whether all that is asked of it is there.
    """
    dots = "." * node.level
    try:
        name = importlib.util.resolve_name(f"{dots}{node.module or ''}", module.__package__ or None)
        file = getattr(importlib.util.find_spec(name), "origin", None) or ""
        if not file.endswith(".py") or installed(file) or Path(file) == path:
            return False
        definitions(Path(file), name, f"{Path(file).name} raises")
        _run(node, path, module)
    except (Exception, SystemExit):
        return False
    return True


def _run(node: ast.stmt, path: Path, module: ModuleType) -> None:
    """Run one statement; of a class or function that raises where it is made, what decorates it may be the reason."""
    try:
        exec(compile(ast.Module([node], []), str(path), "exec"), vars(module))
    except TypeError:
        if not isinstance(node, DECORATED):
            raise
        # a library's, of another release: what it adds is a docstring or a check
        bare: Any = _Bare().visit(copy.deepcopy(node))
        exec(compile(ast.Module([bare], []), str(path), "exec"), vars(module))


class _Bare(ast.NodeTransformer):
    """Leaves decorators out but those of Python and of torch."""

    def visit(self, node: ast.AST) -> ast.AST:
        """Return the node without them."""
        self.generic_visit(node)
        if isinstance(node, DECORATED):
            node.decorator_list = [one for one in node.decorator_list if KEPT.match(ast.unparse(one))]
        return node


def _late(node: ast.stmt) -> dict[str, ModuleType]:
    """What is imported by a call, ``torch = LazyImport("torch")``; nothing where it is not, or cannot be."""
    if not isinstance(node, ast.Assign) or not isinstance(node.value, ast.Call):
        return {}
    given = node.value.args
    if "import" not in _name_of(node.value).lower() or not given or not isinstance(given[0], ast.Constant):
        return {}
    try:
        found = importlib.import_module(str(given[0].value))
    except (Exception, SystemExit):
        return {}
    return {target.id: found for target in node.targets if isinstance(target, ast.Name)}


def left_out(target: Any, name: str) -> bool:  # noqa: ANN401 - what was named
    """Whether a name is set by a file of which only the definitions were run."""
    module = sys.modules.get(getattr(target, "__module__", "") or "")
    if module is None or not getattr(module, LIFTED, "") or not module.__file__:
        return False
    tree = ast.parse(Path(module.__file__).read_text(encoding="utf-8"))
    stored = (one for one in ast.walk(tree) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store))
    return any(one.id == name for one in stored)


def _parents(path: Path, name: str) -> None:
    """Let the packages that a file is in be empty where importing them raises."""
    parts = name.split(".")
    for depth in range(1, len(parts)):
        parent = ".".join(parts[:depth])
        try:
            importlib.import_module(parent)
        except (Exception, SystemExit):
            made = sys.modules[parent] = ModuleType(parent)
            made.__path__ = [str(path.parents[len(parts) - depth - 1])]


def because(target: Any) -> list[str]:  # noqa: ANN401 - what was named
    """Return the sentence that says that only definitions of its file were run, none where all was."""
    why = getattr(sys.modules.get(getattr(target, "__module__", "")), LIFTED, "")
    return [f"of its file only imports, definitions and constants were run: {why}"] if why else []


def nested(outer: Any, name: str) -> Any:  # noqa: ANN401 - a function, None for none
    """Return the function or class of this name that a function defines inside, as if it stood beside it; else None.

    Functions beside it are there too; other variables of the outer one are not: they are free.
    """
    return _nested(outer, name) if isinstance(outer, FunctionType) else None


@functools.cache
def _nested(outer: FunctionType, name: str) -> Any:  # noqa: ANN401 - a function or a class, None for none
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(outer)))
    except (OSError, TypeError, SyntaxError):
        return None
    ast.increment_lineno(tree, outer.__code__.co_firstlineno - 1)
    every = [one for one in ast.walk(tree) if isinstance(one, ast.FunctionDef | ast.ClassDef)]
    methods = [method for one in every if isinstance(one, ast.ClassDef) for method in one.body]
    inside = [one for one in every if one is not tree.body[0] and one not in methods]
    if not any(one.name == name for one in inside):
        return None
    # a copy: its own names do not replace those of the module
    space = dict(outer.__globals__)
    own = _assigned(tree.body[0])
    for one in own:
        space.pop(one, None)
    for definition in inside:
        try:
            exec(compile(ast.Module([definition], []), outer.__code__.co_filename, "exec"), space)
        except NameError:
            # a class on another one that the function makes first
            continue
        if isinstance(made := space[definition.name], type):
            # its source is looked for where it stands
            made.__qualname__ = f"{outer.__qualname__}.<locals>.{made.__name__}"
    return space.get(name)


def _assigned(of: ast.stmt) -> set[str]:
    """The variables of a function: none of them is the module's."""
    assert isinstance(of, ast.FunctionDef | ast.AsyncFunctionDef), "a function has variables"
    found = {one.id for one in ast.walk(of) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)}
    return found | {one.arg for one in (*of.args.args, *of.args.kwonlyargs)}


def _is_definition(node: ast.stmt) -> bool:
    """Whether it imports or defines, also where that is tried or depends on something."""
    if isinstance(node, DEFINES):
        return True
    if isinstance(node, ast.Try):
        every = [*node.body, *node.orelse, *node.finalbody, *(one for part in node.handlers for one in part.body)]
        return all(_is_definition(one) or _is_constant(one) or isinstance(one, ast.Pass) for one in every)
    if isinstance(node, ast.If):
        return all(_is_definition(one) for one in (*node.body, *node.orelse))
    return False


def _is_constant(node: ast.stmt) -> bool:
    """Whether it is an assignment that calls nothing but what Python itself has."""
    if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None:
        return False
    return all(
        hasattr(builtins, _name_of(one)) or _name_of(one) in ("getLogger", "device", *LOADS, *TYPES)
        for one in _calls(node)
    )


def _calls(node: ast.AST) -> Iterator[ast.Call]:
    return (one for one in ast.walk(node) if isinstance(one, ast.Call)) if not _guards(node) else iter(())


def _guards(node: ast.AST) -> bool:
    """Whether it is `if __name__ == "__main__"`."""
    return isinstance(node, ast.If) and "__name__" in ast.unparse(node.test)


def _name_of(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
