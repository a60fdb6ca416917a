"""Reads what an alignment returned: groups of tokens of both sides, or places that both share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from sad.judge.output import article

Group = tuple[tuple[int, ...], tuple[int, ...]]


class WrongPairsError(Exception):
    """What was returned is no alignment; the sentence says why."""


@dataclass(frozen=True, slots=True)
class Aligned:
    """``pairs`` are the last tokens (student's, teacher's) of what belongs together; ``groups`` all of it, where that
    was told: then every token should be in one.
    """

    pairs: list[tuple[int, int]]
    groups: list[Group] | None
    says: str


def aligned(returned: Any, student: int, teacher: int) -> Aligned:  # noqa: ANN401 - that is the question
    """Read an alignment of so many tokens of either side. Raises ``WrongPairsError`` for what is none."""
    found = _plain(returned)
    two_sides = isinstance(returned, tuple)
    if isinstance(found, Mapping):
        two_sides = not all(_is_place(key) for key in found)
        found = _sides(found) if two_sides else list(found.items())
    if not isinstance(found, list):
        raise WrongPairsError(f"returns {_told(returned)}, no pairs")
    if isinstance(returned, tuple) and len(found) > 2:
        found = _among(found, student)
    if (
        len(found) == student != 2
        and all(isinstance(one, list) and _all_places(one) for one in found)
        and any(len(one) != 2 for one in found)
    ):
        # for each token of the student those of the teacher
        found = [[[i], sorted(set(one))] for i, one in enumerate(found) if one]
    if len(found) == 2 and all(isinstance(one, list) for one in found) and _two_lists(found, two_sides):
        found = list(map(list, zip(*found, strict=True)))
    if not found:
        return Aligned([], None, "no pair at all")
    if not all(isinstance(one, list | tuple) and len(one) >= 2 for one in found):
        raise WrongPairsError(f"returns a list with {_told(found[0])}, no pairs")
    if all(_is_place(one[0]) and _is_place(one[1]) for one in found):
        pairs = [(int(one[0]), int(one[1])) for one in found]
        _within(pairs, student, teacher)
        return Aligned(pairs, None, "pairs of places")
    return _grouped([(_places(one[0]), _places(one[1])) for one in found], student, teacher)


def _among(found: list[Any], student: int) -> list[Any]:
    """Return the one of several results that is a list for each token of the student, or all where none is."""
    lists = [one for one in found if isinstance(one, list) and len(one) == student]
    told = [one for one in lists if all(isinstance(each, list) and _all_places(each) for each in one) and any(one)]
    return list(told[0]) if len(told) == 1 else found


def _grouped(groups: list[Group], student: int, teacher: int) -> Aligned:
    if _are_ranges(groups, student):
        spans = [(tuple(range(*s)), tuple(range(*t))) for s, t in groups]
        kept = [one for one in spans if all(one)]
        pairs = [(s[-1], t[-1]) for s, t in kept]
        _within(pairs, student, teacher)
        return Aligned(pairs, kept, "pairs of ranges, the second end not counted")
    kept = [one for one in groups if all(one)]
    pairs = [(max(s), max(t)) for s, t in kept]
    _within(pairs, student, teacher)
    return Aligned(pairs, groups, "pairs of groups of places")


def _are_ranges(groups: Sequence[Group], student: int) -> bool:
    """Whether each pair of numbers is a beginning and an end that is not counted: then they touch."""
    if not all(len(side) == 2 and side[0] <= side[1] for one in groups for side in one):
        return False
    return groups[0][0][0] == 0 and groups[-1][0][1] == student and all(a[0][1] == b[0][0] for a, b in pairwise(groups))


def _two_lists(found: list[Any], two_sides: bool) -> bool:
    """Whether it is one list a side, and not two pairs: a tuple of two is, and so is what is longer than a pair."""
    left, right = found
    if len(left) != len(right):
        return False
    return two_sides or len(left) != 2


def _sides(found: Mapping[str, Any]) -> Any:  # noqa: ANN401
    names = [[n for n in found if word in str(n).lower()] for word in ("student", "teacher")]
    if all(names):
        return [found[names[0][0]], found[names[1][0]]]
    raise WrongPairsError(f"returns a dict with {', '.join(map(str, list(found)[:4]))}")


def _within(pairs: Sequence[tuple[int, int]], student: int, teacher: int) -> None:
    off = next((p for p in pairs if not (0 <= p[0] < student and 0 <= p[1] < teacher)), None)
    if off is not None:
        raise WrongPairsError(f"pairs token {off[0]} with token {off[1]}, of {student} and {teacher} tokens")


def _all_places(one: list[Any]) -> bool:
    return all(map(_is_place, one))


def _places(one: Any) -> tuple[int, ...]:  # noqa: ANN401
    if _is_place(one):
        return (int(one),)
    if isinstance(one, list | tuple) and all(_is_place(place) for place in one):
        return tuple(map(int, one))
    raise WrongPairsError(f"returns a group that is {_told(one)}")


def _plain(returned: Any) -> Any:  # noqa: ANN401
    """Arrays and tensors as lists, all through."""
    if hasattr(returned, "tolist"):
        return returned.tolist()
    if isinstance(returned, Mapping):
        return {key: _plain(value) for key, value in returned.items()}
    if isinstance(returned, str | bytes) or returned is None:
        return returned
    if isinstance(returned, range | zip | map) or hasattr(returned, "__next__"):
        return [_plain(one) for one in returned]
    if isinstance(returned, list | tuple):
        return [_plain(one) for one in returned]
    return returned


def _is_place(one: Any) -> bool:  # noqa: ANN401
    return isinstance(one, int) and not isinstance(one, bool)


def _told(one: Any) -> str:  # noqa: ANN401
    return "None" if one is None else article(type(one).__name__)
