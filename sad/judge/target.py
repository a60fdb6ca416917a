"""Finds what `--loss` and its like name: `package.module:function`, `:Class`, `:Class.method`, `file.py:name`."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import inspect
import re
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from sad.errors import UserError, listed
from sad.judge.lifted import defines, definitions, is_program, nested
from sad.judge.missing import imported

TELLING = ("loss", "kl", "jsd", "diverg", "distil", "forward", "call")
"""What the name of a thing that can be judged often has in it."""


PROGRAM = "<program>"
"""What is wanted of a file that is a program itself: no name in it."""
DOTS = re.compile(r"^\s*from\s+(\.+)", re.MULTILINE)
"""How many folders up a file imports from."""
BEYOND = "beyond top-level package"
HIGHER = 3
"""Folders further up that are tried."""


def split(target: str, *, program: bool = False) -> tuple[str, str]:
    """Return the module (or file) and the dotted name in it, which a ``program`` need not have.

    Raises UserError if there is no colon between them.
    """
    if program and is_alone(target):
        return target, ""
    module, colon, name = target.rpartition(":")
    if not colon or not module or not name:
        alone = ", path/to/file.py alone for a program with a loop of its own," if program else ""
        raise UserError(f"{target}: write package.module:function, package.module:Class{alone} or path/to/file.py:name")
    return module, name


def is_alone(target: str) -> bool:
    """Whether a file is named, and nothing in it."""
    return target.endswith(".py")


def load(target: str, stood: list[str] | None = None) -> Any:  # noqa: ANN401 - a function, a class, or a part of one
    """Import the module and return the named thing in it.

    With ``stood``, placeholders stand for modules that are not installed, and their names are added to it; then of a
    file that is a program, or whose import raises, only the definitions are run. A function or class that a
    function defines inside is named `outer.inner`. Raises UserError if there is no such module or name, or if importing
    it raises.
    """
    where, name = split(target)
    found: Any = _module(where, stood, name.split(".")[0])
    for part in name.split("."):
        try:
            found = inspect.getattr_static(found, part) if isinstance(found, type) else getattr(found, part)
        except AttributeError:
            if inside := nested(found, part):
                found = inside
                continue
            raise UserError(f"{target}: {_missing(found, part)}") from None
        if isinstance(found, classmethod | staticmethod):
            found = found.__func__ if isinstance(found, staticmethod) else found
    return found


def program(where: str, stood: list[str]) -> ModuleType:
    """Return a program, a file with a loop of its own, as a module of its definitions and constants: it is not run.

    Raises UserError as ``load`` does.
    """
    if not Path(where).is_file():
        raise UserError(f"there is no file {where}: write path/to/file.py, from the folder that you are in")
    return _module(where, stood, PROGRAM)


def owner(target: str) -> type | None:
    """Return the class that the named thing is in; None for a function of a module. Imports what ``load`` did."""
    where, name = split(target)
    found: Any = _module(where)
    for part in name.split(".")[:-1]:
        found = getattr(found, part, None) or nested(found, part)
    return found if isinstance(found, type) else None


def _module(where: str, stood: list[str] | None = None, wanted: str = "") -> ModuleType:
    is_file = where.endswith(".py") or "/" in where
    try:
        missing = is_file and not Path(where).is_file()
    except OSError as error:
        raise UserError(f"{where} cannot be read: {error.strerror}: give its place where you may read it") from None
    if missing:
        raise UserError(f"there is no file {where}: write path/to/file.py:name, from the folder that you are in")
    if is_file and not where.endswith(".py"):
        raise UserError(f"{where} is no Python file: write path/to/file.py:name")

    def once() -> ModuleType:
        return _from_file(Path(where)) if is_file else importlib.import_module(where)

    try:
        if stood is None:
            return once()
        module, names = _with_placeholders(once, where, wanted if is_file else "")
    except ModuleNotFoundError as error:
        asked = error.name and (where == error.name or where.startswith(f"{error.name}."))
        if asked and not is_file:
            raise UserError(
                f"there is no module {where}; run from its folder, install it, or give path/to/file.py:name"
            ) from None
        raise UserError(f"importing {where} needs the module {error.name}: install it where sad is") from None
    except SyntaxError as error:
        raise UserError(
            f"{where} cannot be imported: {_place(error)}{type(error).__name__}: {error.msg}: mend it first"
        ) from None
    except SystemExit as error:
        told = f"{where} cannot be imported: it ends the program (exit code {error.code})"
        raise UserError(f"{told}: put what runs behind if __name__ == '__main__'") from None
    except Exception as error:
        raise UserError(f"{where} cannot be imported: {_place(error)}{said(error)}: mend it first") from None
    stood += names
    return module


def _with_placeholders(once: Callable[[], ModuleType], where: str, wanted: str) -> tuple[ModuleType, list[str]]:
    """Import with placeholders for what is not installed; of a program that defines what is ``wanted`` not all is run.

    Raises what importing it raises.
    """
    path = Path(where).resolve()
    text = path.read_text(encoding="utf-8", errors="replace") if wanted else ""

    def lifted(why: str) -> tuple[ModuleType, list[str]]:
        root, name = _place_of(path)
        sys.path[:0] = [str(one) for one in dict.fromkeys((root, path.parent)) if str(one) not in sys.path]
        return imported(lambda: definitions(path, name, why), where)

    if wanted == PROGRAM or (defines(text, wanted) and is_program(text)):
        return lifted("it is a program, which would run where it is imported")
    try:
        return imported(once, where)
    except SyntaxError:
        raise
    except (Exception, SystemExit) as error:
        if not defines(text, wanted):
            raise
        if isinstance(error, SystemExit):
            return lifted("importing all of it ends the program")
        return lifted(f"importing all of it raises {said(error)}")


def _place_of(path: Path) -> tuple[Path, str]:
    """Return the folder that a file is imported from, and as what: one of a package is imported as such, so that it can
    import its neighbours by dots.
    """
    root = path.parent
    while (root / "__init__.py").is_file():
        root = root.parent
    inside = ".".join(path.relative_to(root).with_suffix("").parts)
    return root, inside if root != path.parent else f"judged_{path.stem}"


def _from_file(path: Path) -> ModuleType:
    path = path.resolve()
    root, name = _place_of(path)
    if root != path.parent:
        return _of_package(path, root)
    if name in sys.modules and getattr(sys.modules[name], "__file__", None) == str(path):
        return sys.modules[name]
    # its neighbours can be imported, as when it is run
    sys.path.insert(0, str(path.parent))
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException as error:
        del sys.modules[name]
        if not (isinstance(error, ImportError) and "no known parent package" in str(error)):
            raise
    else:
        return module
    # a folder without __init__.py whose files import each other by dots, or those of folders above
    above = max((len(dots[1]) for dots in DOTS.finditer(path.read_text(encoding="utf-8"))), default=1)
    return _of_package(path, path.parents[min(above, len(path.parents) - 1)])


def _of_package(path: Path, root: Path) -> ModuleType:
    """Import a file as a module below a folder, or below those above, where the dots of a neighbour lead higher."""
    for folder in (root, *list(root.parents)[:HIGHER]):
        sys.path.insert(0, str(folder))
        try:
            return importlib.import_module(".".join(path.relative_to(folder).with_suffix("").parts))
        except ImportError as error:
            if BEYOND not in str(error):
                raise
            beyond = error
    raise beyond


def said(error: BaseException) -> str:
    """Return the type and the first line of what was raised."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:300]}" if lines else type(error).__name__


def _place(error: BaseException) -> str:
    """Return ``file:line: `` of the user's code that raised last; "" where none of it did."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{Path(error.filename).name}:{error.lineno}: "
    frames = [(frame.f_code.co_filename, line) for frame, line in traceback.walk_tb(error.__traceback__)]
    own = [(file, line) for file, line in frames if file != __file__ and not file.startswith("<frozen")]
    return f"{Path(own[-1][0]).name}:{own[-1][1]}: " if own else ""


def _missing(inside: Any, name: str) -> str:  # noqa: ANN401 - a module or a class
    is_module, space = isinstance(inside, ModuleType), getattr(inside, "__dict__", {})
    # a module of a file of its own bears a name that nobody gave it
    what = Path(inside.__file__).name if is_module and inside.__file__ else getattr(inside, "__name__", str(inside))
    names = [n for n, value in space.items() if callable(getattr(value, "__func__", value)) and n[:2] != "__"]
    near = difflib.get_close_matches(name, names, n=2, cutoff=0.6)
    near = near or [n for n in names if any(word in n.lower() for word in TELLING)][:4]
    # what it imported is not what was meant
    own = near or [n for n in names if not is_module or space[n].__module__ == inside.__name__]
    return f"{what} has no {name}; " + (f"it has {listed(own)}" if own else "it defines no function and no class")
