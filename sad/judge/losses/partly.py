"""Judges the part of a loss that can be called, where all of it cannot be."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

from sad.invariants.finite import EMPTY
from sad.judge.cuts.losses import parts_of
from sad.judge.cuts.piece import Piece, since, without_ours
from sad.judge.losses.call import Call
from sad.judge.losses.session import UNKNOWN, session
from sad.judge.report import Event
from sad.judge.stand_in import NeedsAdapterError
from sad.verdict import Standing

LONG = 30.0
"""Seconds after which no other part is tried."""
EARLY = ("finite",)
"""Properties that a way out may see to that is left out of a part."""


def whole_or_part(
    whole: Callable[[], Iterator[Event]],
    target: Any,  # noqa: ANN401 - what was named
    owner: type | None,
    name: str,
    *,
    skip: tuple[str, ...] = (),
    **asked: Any,  # noqa: ANN401 - what a session takes
) -> Iterator[Event]:
    """Judge a loss; where how it is called cannot be told, the first of its parts that is a known loss.

    A part of one term that is right says nothing of the others: its last event is ``unjudged``. Raises UserError where
    there is no such part.
    """
    try:
        yield from whole()
        return
    except NeedsAdapterError as error:
        why = error
    judged = _judged(target, owner, name, skip, asked)
    if not judged:
        raise why
    # of several parts the one with a fault is what is wanted
    piece, events = next((one for one in judged if any(map(_is_broken, one[1]))), judged[0])
    others = [other for other, _ in judged if other is not piece]
    yield from _told(events, piece, others, why)


def _judged(
    target: Any, owner: type | None, name: str, skip: tuple[str, ...], asked: dict[str, Any]  # noqa: ANN401
) -> list[tuple[Piece, list[Event]]]:  # fmt: skip
    """The parts that are a known loss, one of each function, with what was found; none after one that is broken."""
    found: list[tuple[Piece, list[Event]]] = []
    began = time.perf_counter()
    for piece, of in without_ours(parts_of(target, owner)):
        if any(piece.function.__name__ == other.function.__name__ for other, _ in found):
            continue
        left_out = EARLY if piece.cut_short else ()
        events = _known(piece, of, name, skip=(*skip, *left_out), **asked)
        found += [(piece, events)] if events is not None else []
        if time.perf_counter() - began > LONG or (events is not None and any(map(_is_broken, events))):
            break
    return found


def _known(piece: Piece, owner: type | None, name: str, **asked: Any) -> list[Event] | None:  # noqa: ANN401
    """What was found of a part, None where it is no loss that is known."""
    kept: list[Event] = []
    try:
        for event in session(Call(piece.function, owner if _is_method(piece) else None), name, **asked):
            event = _seen_to(event)
            kept.append(event)
            if event.get("what") == UNKNOWN or (_is_broken(event) and event["line"].name == "can_be_called"):
                return None
    except Exception:
        # what cannot be called as a part either
        return None
    return kept


def _seen_to(event: Event) -> Event:
    """A part without any label may be what stands before it does not let through: that is left out."""
    line = event.get("line")
    if line is None or line.standing is not Standing.BROKEN or line.name != "finite" or EMPTY not in line.says:
        return event
    says = f"{line.says}: what stands before the part may see to it"
    return {**event, "line": replace(line, standing=Standing.ALLOWED, says=says)}


def _is_method(piece: Piece) -> bool:
    return piece.function.__code__.co_varnames[:1] == ("self",)


def _is_broken(event: Event) -> bool:
    return "line" in event and event["line"].standing is Standing.BROKEN


def _told(events: Iterable[Event], piece: Piece, others: Iterable[Piece], why: NeedsAdapterError) -> Iterator[Event]:
    lines = piece.said
    for event in events:
        if "what" in event:
            event["what"] = f"{event['what']}, in {lines} alone"
            more = [f"{alias} is {own} there" for own, alias in piece.aliases.items()]
            more += (
                [f"what may end it before is left out, and {', '.join(EARLY)} not judged"] if piece.cut_short else []
            )
            more += [f"{other.said} are a known loss too, with nothing broken" for other in others]
            event["assumed"] = [
                f"judged is a part of it, {lines}, {since(why)}",
                *more,
                *event["assumed"],
            ]
        yield event
    if not piece.whole and not any(map(_is_broken, events)):
        yield {"unjudged": f"in {lines} nothing is broken, and they are one term of it alone; of the rest {why}"}
