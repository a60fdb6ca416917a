"""What a trainer's class asks for that its base has not: a teacher and settings, by constructor, `self` and `args`."""

from __future__ import annotations

import inspect
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sad.judge.judging import Code, source
from sad.judge.steps.names import KNOWN, PLAIN_SETTINGS, SETTINGS, TEACHERS
from sad.judge.steps.roles import is_config, listed
from sad.judge.steps.settings import Settings

POPPED = re.compile(r"kwargs(?:\.(?:pop|get)\(\s*|\[)['\"](\w+)['\"]")
READ = re.compile(r"\bself\.(\w+)\b(?!\s*=[^=])")
SET = re.compile(r"\bself\.(\w+)\s*(?::[^=\n]+)?=(?!=)(?!\s*self\.\1\b)")
ARGUMENT = re.compile(r"\bargs\.(\w+)")


@dataclass(frozen=True)
class Own:
    """The class of a trainer, by its source."""

    of: Any

    @cached_property
    def _text(self) -> str:
        return source(Code(self.of))

    @cached_property
    def _named(self) -> list[str]:
        return [p.name for p in inspect.signature(self.of).parameters.values()]

    @cached_property
    def popped(self) -> list[str]:
        """Return what its constructor takes out of its keywords and is known, but for a teacher."""
        return [name for name in dict.fromkeys(POPPED.findall(self._text)) if self.knows(name)]

    @cached_property
    def takes_teacher(self) -> bool:
        """Whether its constructor takes the teacher, by name or out of its keywords."""
        return self.teacher in (*self._named, *POPPED.findall(self._text))

    @cached_property
    def teacher(self) -> str:
        """Return the name under which it takes or reads a teacher, '' for none."""
        read = [*self._named, *POPPED.findall(self._text), *self._read]
        return next((name for name in read if name in TEACHERS or listed(name, KNOWN) == TEACHERS[0]), "")

    @cached_property
    def _read(self) -> list[str]:
        """What it reads of itself and never sets."""
        own = {*SET.findall(self._text), *dir(self.of)}
        return [name for name in dict.fromkeys(READ.findall(self._text)) if name not in own]

    def left(self, made: Any) -> Sequence[str]:  # noqa: ANN401 - an object of the class
        """Return what an object of it lacks that its program sets once it is made: a teacher, and settings."""
        return [n for n in self._read if not hasattr(made, n) and (n == self.teacher or self.knows(n))]

    def arguments(self, arguments: Any) -> Sequence[str]:  # noqa: ANN401 - transformers' own
        """Return what it reads of its arguments that these have not, and that is known."""
        read = dict.fromkeys(ARGUMENT.findall(self._text))
        return [name for name in read if not hasattr(arguments, name) and self.knows(name)]

    def knows(self, name: str) -> bool:
        """Whether the value of a setting can be told by its name."""
        return listed(name, KNOWN) in SETTINGS or is_config(name)

    def value(self, name: str) -> Any:  # noqa: ANN401 - any setting
        """Return a setting by its name, an object of settings for a configuration."""
        meant = listed(name, KNOWN)
        return SETTINGS[meant] if meant in SETTINGS else Settings(name, PLAIN_SETTINGS)
