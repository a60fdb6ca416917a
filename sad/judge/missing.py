"""Placeholders for modules that code imports and that are not installed here: most of them its loss never uses.

A file of a trainer imports what logs, shards and quantises; the loss in it is arithmetic. What is not installed is
looked for in the folders above the file, then a placeholder stands for it. One that is used while the code is judged
raises ``NeedsAdapterError``.
"""

from __future__ import annotations

import ast
import builtins
import importlib.util
import re
import sys
import traceback
from collections.abc import Callable, Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import nn

from sad.judge import configs, lightning, scores
from sad.judge.dicts import unpacked
from sad.judge.stand_in import NeedsAdapterError

TRIES = 60
"""Imports after which it is given up."""
NO_NAME = re.compile(r"cannot import name '(\w+)' from '([\w.]+)'")
MODULE = re.compile(r"[A-Za-z_]\w*(\.\w+)*")
LOGGERS = {
    *("wandb", "mlflow", "swanlab", "comet_ml", "neptune", "tensorboardX", "tensorboard", "loguru", "rich", "tqdm"),
    *("structlog", "aim", "clearml", "termcolor", "colorlog"),
}
"""Modules whose calls change no number."""


def _adamw(params: Any, lr: float = 1e-3, betas: Any = (0.9, 0.999), eps: float = 1e-6, **named: Any) -> Any:  # noqa: ANN401 - as it was
    """Make torch's, with the defaults that transformers' own had; of its further arguments only the decay is one."""
    return torch.optim.AdamW(params, lr=lr, betas=betas, eps=eps, weight_decay=named.get("weight_decay", 0.0))


MOVED = {("transformers", "AdamW"): _adamw, ("transformers.optimization", "AdamW"): _adamw}
"""Names that packages had once, and what stands for them now."""
BEYOND = "attempted relative import beyond top-level package"
INSTALLED = ("site-packages", "dist-packages")


class Base(nn.Module):
    """What a class that is not there stands for as a base: it takes any arguments, and calls ``forward``."""

    def __init__(self, *_: object, **__: object) -> None:
        super().__init__()


class Placeholder:
    """A thing of a module that is not installed: a decorator that does nothing, a base, an annotation, a constant.

    Calling it raises ``NeedsAdapterError`` once its module was imported, but for what only logs.
    """

    loading = False

    def __init__(self, name: str) -> None:
        self.__dict__["_name"] = name

    def __getattr__(self, name: str) -> Placeholder:
        if name.startswith("__"):
            raise AttributeError(name)
        return Placeholder(f"{self.__dict__['_name']}.{name}")

    def __setattr__(self, name: str, value: object) -> None:
        """Take no change: what a file patches in a package that is not here is patched nowhere."""

    def __delattr__(self, name: str) -> None:
        """Take no change."""

    def __call__(self, *given: Any, **named: Any) -> Any:  # noqa: ANN401 - what it decorates, or another one
        """Decorate nothing, or be another placeholder, while modules are imported; log nothing, or raise, later."""
        name = self.__dict__["_name"]
        if Placeholder.loading:
            return given[0] if len(given) == 1 and callable(given[0]) and not named else Placeholder(f"{name}()")
        if name.split(".")[0] in LOGGERS:
            # a progress bar goes through what it is given
            return given[0] if given and hasattr(given[0], "__iter__") and "tqdm" in name else None
        if name.endswith(".item") and len(given) == 1 and isinstance(given[0], torch.Tensor | float | int):
            # fairseq's name for the number of a tensor, which is written down
            return given[0].item() if isinstance(given[0], torch.Tensor) else given[0]
        raise NeedsAdapterError(f"it calls {name}, which is not installed here")

    def _number(self, *_: object) -> Any:  # noqa: ANN401 - another one
        """Be another placeholder while modules are imported; a setting that is read later has no number, and raises."""
        name = self.__dict__["_name"]
        if Placeholder.loading:
            return Placeholder(name)
        raise NeedsAdapterError(f"it reads {name}, which is not installed here")

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _number
    __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = __pow__ = __rpow__ = __neg__ = _number
    __lt__ = __le__ = __gt__ = __ge__ = _number

    def __float__(self) -> float:
        """Raise: there is no number."""
        raise NeedsAdapterError(f"it reads {self.__dict__['_name']}, which is not installed here")

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[type, ...]:
        """Return the one base that stands for all of them, where no other is a module."""
        first = next(base for base in bases if isinstance(base, Placeholder))
        if self.__dict__["_name"].rpartition(".")[2] in lightning.NAMES:
            return (lightning.Module,)
        modules = any(isinstance(base, type) and issubclass(base, nn.Module) for base in bases)
        return () if modules or first is not self else (Base,)

    def __or__(self, other: object) -> Any:  # noqa: ANN401 - an annotation
        return Any

    __ror__ = __or__

    def __getitem__(self, key: object) -> Placeholder:
        return self

    def __iter__(self) -> Iterator[Any]:
        """Yield as many as are unpacked where it is (``first, second = …``), none elsewhere."""
        many = unpacked(sys._getframe(1))
        return iter([Placeholder(f"{self.__dict__['_name']}[{place}]") for place in range(many)])

    def __instancecheck__(self, instance: object) -> bool:
        return False


class Missing(ModuleType):
    """A module that is not installed: every name in it is a placeholder."""

    __version__ = "0.0.0"

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.__path__: list[str] = []
        self.__spec__ = ModuleSpec(name, None)

    def __getattr__(self, name: str) -> Placeholder:
        if name.startswith("__"):
            raise AttributeError(name)
        return Placeholder(f"{self.__name__}.{name}")


def imported(load: Callable[[], ModuleType], where: str) -> tuple[ModuleType, list[str]]:
    """Import, with placeholders for what is not installed. Returns the module, and the names of what they stand for.

    Raises what importing it raises else, and ModuleNotFoundError where ``where`` itself is missing.
    """
    stood: list[str] = []
    Placeholder.loading = True
    try:
        for _ in range(TRIES):
            try:
                return load(), stood
            except (ImportError, NameError, SyntaxError) as error:
                if isinstance(error, SyntaxError):
                    name = _unreadable(error, where)
                else:
                    name = _stand(error, where) if isinstance(error, ImportError) else _under_a_condition(error)
                if not name:
                    raise
                stood.append(name)
        return load(), stood
    finally:
        Placeholder.loading = False


def placeholders(stood: list[str]) -> list[str]:
    """Return the sentence that says for what placeholders stand, none for nothing."""
    return [f"not installed here, a placeholder stands for it: {', '.join(stood)}"] if stood else []


def _stand(error: ImportError, where: str) -> str:
    """Put what was missing where the next import finds it; '' where that is not ours to do."""
    behind = error.__cause__ or error.__context__
    if type(error) is ImportError and isinstance(behind, ModuleNotFoundError) and MODULE.fullmatch(behind.name or ""):
        # it says in words of its own what is not installed
        error = behind
    if isinstance(error, ModuleNotFoundError):
        name = error.name or ""
        # importlib.metadata puts a sentence in place of a name
        if not MODULE.fullmatch(name) or where == name or where.startswith(f"{name}."):
            return ""
        if _found_above(name.split(".")[0], where):
            return name
        sys.modules[name] = Missing(name)
        for known, value in {**scores.of(name), **configs.of(name)}.items():
            setattr(sys.modules[name], known, value)
        parent, _, last = name.rpartition(".")
        if parent in sys.modules:
            setattr(sys.modules[parent], last, sys.modules[name])
        return name
    told = NO_NAME.search(str(error))
    if told is None:
        return _broken(error)
    module = sys.modules.get(told[2]) if told else None
    file = getattr(module, "__file__", None)
    # a folder without __init__.py lacks a file that stands beside it in its repository
    if module is None or not (file is None or any(part in file for part in INSTALLED)):
        # a name that its own files do not have is its own fault
        return ""
    moved = MOVED.get((told[2], told[1]))
    if moved is not None:
        setattr(module, told[1], moved)
        return f"{told[2]}.{told[1]} (torch's)"
    setattr(module, told[1], Placeholder(f"{told[2]}.{told[1]}"))
    return f"{told[2]}.{told[1]}"


def _unreadable(error: SyntaxError, where: str) -> str:
    """Let a placeholder stand for a neighbour that this Python cannot read; '' for the file that is judged."""
    file = Path(error.filename or "").resolve()
    if file.suffix != ".py" or file == Path(where).resolve() or where == file.stem or where.endswith(f".{file.stem}"):
        return ""
    stem, folder = (file.parent.name, file.parent.parent) if file.stem == "__init__" else (file.stem, file.parent)
    # what imports it was taken out of the modules again, as its import failed
    importing = [frame.f_globals for frame, _ in traceback.walk_tb(error.__traceback__)]
    importing += [vars(of) for of in list(sys.modules.values()) if type(of) is ModuleType]
    parent = next((str(of["__name__"]) for of in importing if str(folder) in map(str, of.get("__path__") or ())), "")
    if not parent and str(folder) not in (str(Path(one).resolve()) for one in sys.path):
        return ""
    name = f"{parent}.{stem}" if parent else stem
    if name in sys.modules:
        return ""
    sys.modules[name] = Missing(name)
    if parent in sys.modules:
        setattr(sys.modules[parent], stem, sys.modules[name])
    return name


def _under_a_condition(error: NameError) -> str:
    """Let a placeholder stand for a name that a file imports only where its package is installed; '' for any other."""
    *_, frame = (frame for frame, _ in traceback.walk_tb(error.__traceback__))
    try:
        tree = ast.parse(Path(frame.f_code.co_filename).read_text(encoding="utf-8"))
    except (OSError, SyntaxError, UnicodeDecodeError):
        return ""
    for node in ast.walk(tree):
        if not isinstance(node, ast.ImportFrom) or node.level or node.module is None:
            continue
        if any((one.asname or one.name) == error.name for one in node.names):
            if _installed(node.module.partition(".")[0]):
                return ""
            setattr(builtins, error.name or "", Placeholder(f"{node.module}.{error.name}"))
            return f"{node.module}.{error.name}"
    return ""


def _installed(top: str) -> bool:
    try:
        return importlib.util.find_spec(top) is not None
    except (ImportError, ValueError):
        return False


def _broken(error: ImportError) -> str:
    """Let a placeholder stand for an installed package that cannot be imported here: it lacks one that it needs."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    files = [frame.f_code.co_filename for frame in frames]
    first = next((at for at, file in enumerate(files) if any(part in file for part in INSTALLED)), None)
    name = frames[first].f_globals.get("__name__", "") if first is not None else ""
    if not name or name in sys.modules:
        return ""
    sys.modules[name] = Missing(name)
    return str(name)


def _found_above(top: str, where: str) -> bool:
    """Whether a folder above a file has the module: the root of its repository, or its `src`."""
    if not where.endswith(".py"):
        return False
    for folder in list(Path(where).resolve().parents)[:5]:
        for root in (folder, folder / "src"):
            # a folder of modules may do without __init__.py
            if str(root) not in sys.path and (
                any(one for depth in ("*.py", "*/*.py") for one in (root / top).glob(depth))
                or (root / f"{top}.py").is_file()
            ):
                sys.path.append(str(root))
                return True
    return False
