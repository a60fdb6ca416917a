"""What a loss takes of a divergence's arguments, as far as it uses them."""

from __future__ import annotations

from sad.judge.call import Call
from sad.judge.discover import source
from sad.judge.roles import Role
from sad.judge.sample import Fit
from sad.judge.temperature import Softened
from sad.subjects.divergence import Takes


def taken(
    call: Call, first: Fit, *, with_labels: bool, rows: str, warm: Softened, count: bool
) -> tuple[frozenset[Takes], bool]:
    """Return what it can be given, and whether rows can be left out."""
    text = source(call).lower()
    ignoring = ignores(call)
    sequences = any(word in text for word in ("seq", "token", "vocab", ":-1", "length"))
    leaves_out = (
        with_labels
        and not call.form.whole
        and (rows in ("own", "next") or ignoring or sequences or call.takes(Role.MASK))
    )
    takes = {Takes.LABELS} if leaves_out else set()
    if call.takes(Role.TEMPERATURE) and not warm.unused:
        takes.add(Takes.TEMPERATURE)
    if first.family.beta and call.betas() and call.form.beta != "":
        takes.add(Takes.BETA)
    if count:
        takes.add(Takes.COUNT)
    return frozenset(takes), leaves_out


def ignores(call: Call) -> bool:
    """Whether its source speaks of rows that do not count."""
    text = source(call).lower()
    return any(word in text for word in ("-100", "ignore", "mask", "pad_", "padding"))
