"""Which rules judge, and by which thresholds: from the command line, and from ``[doctor]`` of a ``sad.toml``."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from pathlib import Path

from sad_doctor import bounded, words
from sad_doctor.finding import Level
from sad_doctor.rule import Rule
from sad_doctor.rules import RULES
from sad_doctor.sealed import sealed

FILE = "sad.toml"
FAIL_ON = {"error": Level.ERROR, "warn": Level.WARNING}
_KEYS = ("select", "ignore", "rules", "fail_on", "band", "baseline")

Changes = Mapping[str, Mapping[str, float]]


@sealed
class Settings:
    """What a file says: ``thresholds`` by code of the rule. ``file`` is None where there is no file."""

    file: Path | None = None
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    thresholds: Changes = field(default_factory=dict)
    fail_on: str = "error"
    band: str | None = None
    baseline: str | None = None

    def beside(self, path: str) -> Path:
        """Return a path of the file: a relative one is relative to the file."""
        return Path(path) if self.file is None else self.file.parent / path

    @property
    def baseline_path(self) -> Path | None:
        """Where the good run lies."""
        return None if self.baseline is None else self.beside(self.baseline)

    @property
    def band_path(self) -> Path | None:
        """Where the band lies, unless it is a name."""
        return None if self.band is None else self.beside(self.band)


def find(path: str | Path) -> Path | None:
    """Return the ``sad.toml`` that holds for a log: in its folder, beside it, or in the working directory or above."""
    path = Path(path)
    try:
        here: Path | None = Path.cwd()
    except OSError:  # it was deleted under us
        here = None
    path = path if here is None else here / path
    # of a place that may not be looked at, or has no possible name, these say no
    inside = [path] if os.path.isdir(path) else []
    beside = next((parent for parent in path.parents if os.path.isdir(parent)), None)
    folders = [*inside, *([beside] if beside else []), *([here, *here.parents] if here else [])]
    return next((folder / FILE for folder in folders if os.path.isfile(folder / FILE)), None)


def load(file: Path | None) -> Settings:
    """Return what a file says of the doctor; other tables of it are left alone. Raises ValueError, in one line."""
    if file is None:
        return Settings()
    try:
        told = bounded.toml_of(file)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise ValueError(f"{file}: cannot be read: {reason}; mend it, or move it away") from None
    for key, value in told.items():
        if key in _KEYS or (not isinstance(value, dict) and words.alike(key, _KEYS)):
            raise ValueError(f"{file}: {key} stands outside of the table [doctor]: write it below that line")
    doctor = told.get("doctor")
    if doctor is None:
        near = words.alike("doctor", told, n=1)
        if near:
            raise ValueError(f"{file}: there is no table [{near[0]}]; did you mean [doctor]?")
        return Settings()
    if not isinstance(doctor, dict):
        raise ValueError(f"{file}: doctor is a table: write [doctor]")
    for key in doctor:
        if key not in _KEYS:
            raise ValueError(f"{file}: [doctor] has no {key}; {meant(key, _KEYS)}")
    settings = Settings(
        file=file,
        select=_words(file, "select", doctor.get("select", [])),
        ignore=_words(file, "ignore", doctor.get("ignore", [])),
        thresholds=_rules(file, doctor.get("rules", {})),
        fail_on=_word(file, "fail_on", doctor.get("fail_on", "error")),
        band=_word(file, "band", doctor["band"]) if "band" in doctor else None,
        baseline=_word(file, "baseline", doctor["baseline"]) if "baseline" in doctor else None,
    )
    if settings.fail_on not in FAIL_ON:
        raise ValueError(f"{file}: fail_on is error or warn, not {settings.fail_on}")
    try:
        chosen(settings.select, settings.ignore)
    except ValueError as problem:
        raise ValueError(f"{file}: {problem}") from None
    return settings


def _words(file: Path, key: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise ValueError(f'{file}: {key} is a list of rules, such as ["R2", "loss-spike"]')
    return tuple(value)


def _word(file: Path, key: str, value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{file}: {key} is a text, not {value!r}")
    return value


def _rules(file: Path, tables: object) -> dict[str, dict[str, float]]:
    if not isinstance(tables, dict):
        raise ValueError(f"{file}: rules are tables, such as [doctor.rules.R203]")
    found: dict[str, dict[str, float]] = {}
    for key, table in tables.items():
        where = f"[doctor.rules.{key}]"
        if not isinstance(table, dict):
            raise ValueError(f"{file}: {where} is a table of thresholds, such as share = 0.9")
        for name, value in table.items():
            if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
                raise ValueError(f"{file}: {where} {name} is a finite number, not {value!r}")
        try:
            found |= by_code({key: {name: float(value) for name, value in table.items()}})
        except ValueError as problem:
            raise ValueError(f"{file}: {where}: {problem}") from None
    return found


def by_code(changes: Changes, rules: Sequence[Rule] = RULES) -> dict[str, dict[str, float]]:
    """Return ``changes`` by the codes of their rules. Raises ValueError for a rule or threshold that does not exist."""
    known = {key: rule for rule in rules for key in (rule.code, rule.name)}
    found: dict[str, dict[str, float]] = {}
    for key, values in changes.items():
        rule = known.get(key) or known.get(key.upper())
        if rule is None:
            raise ValueError(f"no red flag {key}; {nearest(key)}")
        for name in values:
            if name not in rule.thresholds:
                raise ValueError(f"{key} has no threshold {name}; {meant(name, rule.thresholds)}")
            _sane(key, name, values[name], rule.thresholds[name])
        found[rule.code] = {**found.get(rule.code, {}), **values}
    return found


def _sane(key: str, name: str, value: float, default: float) -> None:
    """Raises ValueError for what makes no threshold.

    Only one that is negative by itself, a correlation, may be negative; of records there must be one to judge.
    """
    least = -math.inf if default < 0 else 1 if name == "records" else 0
    if not math.isfinite(value) or value < least:
        told = "" if default < 0 else f", at least {least}"
        raise ValueError(f"{key}.{name} is a finite number{told}, not {value:g}")


def merged(first: Changes, second: Changes) -> dict[str, dict[str, float]]:
    """Return the changes of both by code; where both name a threshold, the ``second`` counts. Raises ValueError."""
    one, other = by_code(first), by_code(second)
    return {code: {**one.get(code, {}), **other.get(code, {})} for code in {**one, **other}}


def meant(word: str, known: Iterable[str]) -> str:
    """Return a question for the nearest of ``known``, or all of them where none is near."""
    known = list(known)
    near = words.alike(word, known, n=1, cutoff=0.5)
    return f"did you mean {near[0]}?" if near else f"known: {', '.join(known)}"


def nearest(key: str) -> str:
    """Return which rules a word that names none may stand for: those whose code begins with it, else the most alike.

    Where none is near, what the codes are.
    """
    under = [rule.code for rule in RULES if key and rule.code.startswith(key.upper())]
    if under:
        return f"there are {', '.join(under)}"
    coded = any(letter.isdigit() for letter in key)
    known = [word for rule in RULES for word in (rule.code, rule.name)]
    near = words.alike(key.upper() if coded else key.lower(), known, n=1, cutoff=0.7 if coded else 0.6)
    names = {rule.code: f"{rule.code} {rule.name}" for rule in RULES}
    codes = sorted(names)
    return f"did you mean {names.get(near[0], near[0])}?" if near else f"the codes go from {codes[0]} to {codes[-1]}"


def chosen(select: Iterable[str], ignore: Iterable[str]) -> tuple[Rule, ...]:
    """Return the rules of ``select`` (all, if empty) without those of ``ignore``.

    Raises ValueError for an unknown one, and where none is left.
    """
    wanted, unwanted = ([_matching(key) for key in keys] for keys in (select, ignore))
    kept = set().union(*wanted) if wanted else {rule.code for rule in RULES}
    kept = kept.difference(*unwanted)
    if not kept:
        raise ValueError("no rule is left: all that are selected are ignored too; ignore fewer")
    return tuple(rule for rule in RULES if rule.code in kept)


def _matching(key: str) -> set[str]:
    found = {rule.code for rule in RULES if rule.name == key or (key and rule.code.startswith(key.upper()))}
    if not found:
        raise ValueError(f"no red flag {key!r}; {nearest(key)}")
    return found


def threshold(text: str) -> tuple[str, str, float]:
    """Split ``R203.share=0.9`` into rule, threshold and value. Raises ValueError."""
    key, equals, value = text.partition("=")
    rule, dot, name = key.partition(".")
    try:
        number = float(value)
    except ValueError:
        number = float("nan")
    if not (equals and dot) or math.isnan(number):
        raise ValueError(f"--set {text}: write it as RULE.name=number, for example R203.share=0.9")
    return rule.strip(), name.strip(), number


def thresholds(texts: Iterable[str]) -> dict[str, dict[str, float]]:
    """Return the thresholds of several :func:`threshold` texts by rule. Raises ValueError."""
    found: dict[str, dict[str, float]] = {}
    for text in texts:
        rule, name, value = threshold(text)
        found.setdefault(rule, {})[name] = value
    return found
