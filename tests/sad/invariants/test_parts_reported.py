import math
from dataclasses import replace

import pytest

from sad.invariants.parts_reported import Reported, parts_reported
from sad.shipped.report import report


def right(parts):
    counted = {name: part for name, part in parts.items() if part.units}
    weighted = {name: part.raw * part.weight for name, part in counted.items()}
    loss = sum(weighted.values())
    return Reported(
        loss,
        {name: part.raw for name, part in counted.items()},
        {name: part.weight for name, part in counted.items()},
        weighted,
        {name: value / loss if loss else 0.0 for name, value in weighted.items()},
    )


@pytest.mark.parametrize(
    "one", [right, lambda parts: replace(right(parts), shares=None, trained=right(parts).loss), report()]
)
def test_right_implementations_hold(one):
    verdict = parts_reported(one)
    assert verdict.holds, verdict.says
    assert verdict.numbers["parts"] == 13


def without_kd(parts):
    told = right(parts)
    return replace(told, loss=sum(value for name, value in told.weighted.items() if name != "kd"))


def by_two(parts):
    told = right(parts)
    two = {name: told.weighted[name] / (told.weighted[name] + told.weighted.get("kd", 0.0)) for name in told.weighted}
    return replace(told, shares=two)


def zeroed(parts):
    told = right(parts)
    finite = {name: value if math.isfinite(value) else 0.0 for name, value in told.weighted.items()}
    return replace(told, weighted=finite, loss=sum(finite.values()))


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda parts: replace(right(parts), raw=right(parts).weighted), "what is called raw of layerwise is 160.55"),
        (lambda parts: replace(right(parts), weighted=right(parts).raw), "what is called weighted of layerwise"),
        (lambda parts: replace(right(parts), weight={}), "what is called weight of layerwise is nan"),
        (lambda parts: replace(right(parts), raw={n: p.total for n, p in parts.items()}), "what is called raw"),
        (without_kd, "its parts add up to"),
        (by_two, "the share of layerwise is called 93.7%"),
        (zeroed, "an infinite term"),
        (lambda parts: replace(right(parts), raw={n: p.total / max(1, p.units) for n, p in parts.items()}), "no unit"),
        (lambda parts: right({n: p for n, p in parts.items() if n == "lm"}), "layerwise is nan"),
        (lambda parts: replace(right(parts), trained=sum(right(parts).raw.values())), "the one that trains is"),
        (lambda _: None, "has no attribute"),
    ],
)
def test_wrong_ones_break_it(wrong, says):
    verdict = parts_reported(wrong)
    assert not verdict.holds
    assert says in verdict.says
