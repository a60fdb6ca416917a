"""Measures of an evaluation beside its loss, of which it is known which way is better."""

from __future__ import annotations

import re
from collections.abc import Mapping

from sad_doctor.run import Column, Run

_HELD_OUT = r"(?:eval|val|valid|validation|test)[/_ ](?:\w+[/_ ])?"
_MORE = re.compile(
    _HELD_OUT + r"(?:(?:mean_)?(?:token_)?acc(?:uracy)?|agreement|rouge\w{0,6}|s?bleu|f1|exact_match|em)", re.IGNORECASE
)
_LESS = re.compile(_HELD_OUT + r"(?:[wcmtps]er|(?:word_|char(?:acter)?_)?error(?:_rate)?)", re.IGNORECASE)


def measures(run: Run) -> Mapping[str, float]:
    """Return the measures of held-out text that were logged: by name -1 where more is better, 1 where less is."""
    told = {
        name: -1.0 if _MORE.fullmatch(name) else 1.0
        for name in run.columns
        if _MORE.fullmatch(name) or _LESS.fullmatch(name)
    }
    return {name: sign for name, sign in told.items() if len(run.columns[name])}


def stands_still(column: Column) -> bool:
    """Whether a measure is one number in all evaluations, and neither nothing nor all."""
    return bool((column.value == column.value[0]).all()) and float(column.value[0]) not in (0.0, 1.0, 100.0)
