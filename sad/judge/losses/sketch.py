"""The adapter that a loss needs, but for what its names do not tell: to be copied and filled in."""

from __future__ import annotations

from sad.judge.losses.call import Call
from sad.judge.roles import Reading, Role

GIVEN = {
    Role.STUDENT: "given.student_logits",
    Role.TEACHER: "given.teacher_logits",
    Role.LABELS: "given.labels",
    Role.MASK: "given.labels != -100",
    Role.PADDING: "given.labels == -100",
    Role.TEMPERATURE: "given.temperature",
    Role.BETA: "given.beta",
    Role.COUNT: "given.count",
}
"""What an adapter has for each role."""


def sketched(subject: object) -> str:
    """Return how an adapter would call a loss, with dots for what must be filled in; '' where nothing is unread."""
    if not isinstance(subject, Call) or subject.owner is not None:
        return ""
    readings = [*([subject.built] if subject.built else []), subject.reading]
    if not any(reading.unread for reading in readings):
        return ""
    kept = set(subject.defaults())
    calls = "".join(f"({_arguments(reading, kept)})" for reading in readings)
    return f"; an adapter is: def loss(given, target): return target{calls}"


def _arguments(reading: Reading, kept: set[str]) -> str:
    """The arguments of one call: what must be given, and what `given` has."""
    told = {name: GIVEN[role] for name, role in reading.roles.items() if role in GIVEN}
    needed = [name for name in reading.roles if name not in kept and name not in told]
    return ", ".join(
        f"{name}={what}" for name, what in [*told.items(), *((n, "...") for n in (*needed, *reading.unread))]
    )
