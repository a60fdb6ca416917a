"""The values that a shell completes: codes, rules, properties, recipe keys. Nothing heavy is loaded for them."""

from __future__ import annotations

from collections.abc import Iterator

Offered = Iterator[tuple[str, str]]
"""Values and, for shells that show it, what each is."""


def bugs(incomplete: str) -> Offered:
    """Offer the bugs, by code and by name."""
    from sad import catalogue

    return _fitting(incomplete, ((one.code, one.name) for one in catalogue.entries()))


def rules(incomplete: str) -> Offered:
    """Offer the red flags, by code and by name."""
    from sad_doctor.rules import RULES

    return _fitting(incomplete, ((one.code, one.name) for one in RULES))


def sources(incomplete: str) -> Offered:
    """Offer what is looked for in sources, by code and by name."""
    from sad.source.rules import rules as every

    return _fitting(incomplete, ((one.code, one.name) for one in every()))


def pages(incomplete: str) -> Offered:
    """Offer all that has a page, for `sad explain`."""
    yield from bugs(incomplete)
    yield from rules(incomplete)
    yield from sources(incomplete)
    yield from properties(incomplete)
    if "." in incomplete:
        yield from ((key.removesuffix("="), told) for key, told in recipe_keys(incomplete))


def properties(incomplete: str) -> Offered:
    """Offer the properties of a loss, by name."""
    from sad import catalogue

    yield from ((name, number) for name, number in catalogue.numbers().items() if name.startswith(incomplete))


def thresholds(incomplete: str) -> Offered:
    """Offer the thresholds of the red flags, ready for a number."""
    from sad_doctor.rules import RULES

    for rule in RULES:
        for name, value in rule.thresholds.items():
            if f"{rule.code}.{name}=".startswith(incomplete):
                yield f"{rule.code}.{name}=", f"{value:g}"


def bands(incomplete: str) -> Offered:
    """Offer the bands that have a name."""
    from sad_doctor.band import BANDS

    yield from ((name, band.title) for name, band in BANDS.items() if name.startswith(incomplete))


def fail_on(incomplete: str) -> Offered:
    """Offer the levels that make the exit code 1."""
    yield from ((one, "") for one in ("error", "warn") if one.startswith(incomplete))


def red_flags(incomplete: str) -> Offered:
    """Offer what a red flag may do to a run."""
    yield from ((one, "") for one in ("ignore", "warn", "stop", "rollback") if one.startswith(incomplete))


def recipe_keys(incomplete: str) -> Offered:
    """Offer the keys of a recipe, ready for a value."""
    from pydantic import BaseModel

    from sad.recipe.schema import Recipe

    def under(section: type[BaseModel], path: str) -> Offered:
        for name, field in section.model_fields.items():
            kind = field.annotation
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                yield from under(kind, f"{path}{name}.")
            else:
                yield f"{path}{name}=", (field.description or "").split("\n")[0]

    yield from ((key, told) for key, told in under(Recipe, "") if key.startswith(incomplete))


def teachers(incomplete: str) -> Offered:
    """Offer the teachers that need no hub."""
    yield from _models(incomplete, "embedded")


def students(incomplete: str) -> Offered:
    """Offer the students that need no hub; a fresh one is completed by its shape."""
    yield from _models(incomplete, "embedded", "random:")


def texts(incomplete: str) -> Offered:
    """Offer the text that is always there."""
    yield from (("embedded", "") for _ in range("embedded".startswith(incomplete)))


def assets(incomplete: str) -> Offered:
    """Offer the assets by name."""
    from sad.assets.table import ASSETS

    yield from ((name, one.what) for name, one in ASSETS.items() if name.startswith(incomplete))


def _models(incomplete: str, *names: str) -> Offered:
    yield from ((name, "") for name in names if name.startswith(incomplete))
    if incomplete.startswith("asset:") or "asset:".startswith(incomplete):
        yield from ((f"asset:{name}", told) for name, told in assets(incomplete.removeprefix("asset:")))


def _fitting(incomplete: str, every: Iterator[tuple[str, str]]) -> Offered:
    """Codes with their names; once the beginning of a name is typed, names with their codes."""
    for code, name in every:
        if code.startswith(incomplete.upper()):
            yield code, name
        elif incomplete and name.startswith(incomplete.lower()):
            yield name, code
