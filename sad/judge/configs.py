"""Where a program's settings come from: its command line, a file of them, or a class of them that it makes itself.

All of these are asked for by name, so one object of settings answers for them, of what they declare: the defaults of
the command line, the fields of the class, the file if it is here.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from sad.judge.callers import asking, bound, program
from sad.judge.declared import OF_SETTINGS, members
from sad.judge.records import File
from sad.judge.stand_in import nothing

Make = Callable[[str, Mapping[str, Any]], Any]
"""``make(name, declares)`` returns an object of settings."""
FILE = re.compile(r"config|cfg|conf\b|params|args|settings|hparams")
"""In the name of a file of settings."""


class OmegaConf:
    """That of omegaconf, which need not be installed: its methods are set while code is judged."""


def of(module: str) -> dict[str, Any]:
    """Return what stands for the parts of a module that is not installed, none for another module."""
    return {"OmegaConf": OmegaConf} if module == "omegaconf" else {}


def stands(make: Make) -> Iterator[tuple[Any, str, Any]]:
    """Go through what settings are read with: the place, the name and what stands there."""
    yield argparse.ArgumentParser, "parse_known_args", _parsed(argparse.ArgumentParser.parse_known_args, make)
    if (parser := getattr(sys.modules.get("transformers.hf_argparser"), "HfArgumentParser", None)) is not None:
        for name in ("parse_args_into_dataclasses", "parse_yaml_file", "parse_json_file", "parse_dict"):
            yield parser, name, lambda self, *_, **__: tuple(make("args", members(one)) for one in self.dataclass_types)
    if (yaml := sys.modules.get("yaml")) is not None:
        loads = ("safe_load", "load", "full_load", "unsafe_load")
        yield from bound("yaml", {name: _read(getattr(yaml, name), make) for name in loads if hasattr(yaml, name)})
    if (omega := getattr(sys.modules.get("omegaconf"), "OmegaConf", None)) is not None:
        for name, method in _omega(make).items():
            yield omega, name, staticmethod(method)
    for kind in program().kinds:
        if OF_SETTINGS.fullmatch(kind.__name__):
            yield kind, "__getattribute__", _fields(kind, make)


def _parsed(real: Callable[..., Any], make: Make) -> Callable[..., Any]:
    """A command line: what it is where nobody says otherwise; what must be given is a path."""

    def parsed(self: Any, args: Any = None, namespace: Any = None) -> Any:  # noqa: ANN401 - a parser
        if asking() is None or args is not None:
            return real(self, args, namespace)
        every = {one.dest.lower(): one for one in self._actions}
        must = {name for name, one in every.items() if one.required and one.default is None and one.type in (None, str)}
        return make("args", {name: "." if name in must else one.default for name, one in every.items()}), []

    return parsed


def _read(real: Callable[..., Any], make: Make) -> Callable[..., Any]:
    """What reads a file of settings: one that is here says what it declares."""

    def read(stream: Any, *more: Any, **named: Any) -> Any:  # noqa: ANN401 - settings
        if asking() is None:
            return real(stream, *more, **named)
        return _settings({} if isinstance(stream, File) else real(stream, *more, **named), make)

    return read


def json_of(real: Callable[..., Any], make: Make) -> Callable[..., Any]:
    """`json.load`: of a file of settings that is not here, an object of them."""

    def read(file: Any, **named: Any) -> Any:  # noqa: ANN401 - settings, or whatever else is in it
        if isinstance(file, File) and FILE.search(Path(file.path).name.lower()):
            return make("config", {})
        return real(file, **named)

    return read


def _settings(value: Any, make: Make) -> Any:  # noqa: ANN401 - whatever was read
    return make("config", members(value)) if isinstance(value, Mapping) else value


def _omega(make: Make) -> Mapping[str, Callable[..., Any]]:
    def load(path: Any, *_: object) -> Any:  # noqa: ANN401
        import yaml  # type: ignore[import-untyped]

        file = Path(str(path))
        return _settings(yaml.full_load(file.read_text("utf-8")) if file.is_file() else {}, make)

    def merge(*every: Any) -> Any:  # noqa: ANN401
        found: dict[str, Any] = {}
        for one in every:
            found |= vars(one)["_declares"] if "_declares" in getattr(one, "__dict__", {}) else members(one)
        return make("config", found)

    def select(of: Any, path: str, *_: object, **__: object) -> Any:  # noqa: ANN401
        for name in path.split("."):
            of = of[name]
        return of

    same = {name: lambda of=None, *_, **__: merge({} if of is None else of) for name in ("create", "structured")}
    quiet = dict.fromkeys(("save", "set_struct", "set_readonly", "resolve", "register_new_resolver"), nothing)
    return {
        **{
            "load": load,
            "merge": merge,
            "unsafe_merge": merge,
            "select": select,
            "from_cli": lambda *_: make("config", {}),
        },
        **{"to_container": lambda of, **_: of, "to_object": lambda of: of, "to_yaml": lambda *_, **__: ""},
        **{**same, **quiet, "is_config": lambda _: True, "from_dotlist": lambda *_: make("config", {})},
    }


def _fields(kind: type, make: Make) -> Callable[[Any, str], Any]:
    """How an object of a class of settings is read by a program: numbers are what they are named for."""
    real: Callable[[Any, str], Any] = vars(kind).get("__getattribute__", object.__getattribute__)
    known = make(kind.__name__, members(kind))

    def read(self: Any, name: str) -> Any:  # noqa: ANN401 - a field
        value = real(self, name)
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or asking() is None:
            return value
        told = known.get(name, value)
        return told if isinstance(told, int | float) else value

    return read
