"""What a loss takes of a divergence's arguments, as far as it uses them."""

from __future__ import annotations

from sad.judge.losses.call import Call
from sad.judge.losses.context import of_classes, of_texts, source
from sad.judge.losses.sample import Fit
from sad.judge.losses.temperature import Softened
from sad.judge.roles import Role
from sad.subjects.divergence import Takes

OTHERWISE = (
    "for texts, with -100 on padding, state contract = Contract(takes=frozenset({Takes.LABELS})) in the file of "
    "--adapter (docs/judge-your-loss.md), or as check's contract"
)
"""How to say that labels leave rows out, where neither names nor shapes tell."""


def taken(
    call: Call, first: Fit, *, with_labels: bool, rows: str, warm: Softened, count: bool, hard: bool = True
) -> tuple[frozenset[Takes], bool]:
    """Return what it can be given, and whether rows can be left out. ``hard``: there is a loss on the labels beside."""
    text = source(call).lower()
    ignoring = ignores(call)
    sequences = any(word in text for word in ("seq", "token", "vocab", ":-1", "length")) and not of_classes(call)
    unused = not hard and call.reading.has(Role.LABELS) and of_texts(call)
    leaves_out = (
        with_labels
        and (rows in ("own", "next") or call.takes(Role.LABELS, Role.MASK, Role.PADDING, Role.BATCH, Role.IDS))
        and not (call.form.whole or call.form.firsts)
        and (rows in ("own", "next") or ignoring or sequences or call.takes(Role.MASK) or unused)
    )
    takes = {Takes.LABELS} if leaves_out else set()
    if call.takes(Role.TEMPERATURE) and not warm.unused:
        takes.add(Takes.TEMPERATURE)
    if first.family.beta and call.betas() and call.form.beta != "":
        takes.add(Takes.BETA)
    if count:
        takes.add(Takes.COUNT)
    return frozenset(takes), leaves_out


def never_left_out(call: Call, hard: str) -> list[str]:
    """Say that labels leave no row out; ``hard`` is not '' where there is a loss on them.

    Where nothing says that it is for classes, say too that this was assumed, and how to say otherwise.
    """
    served = "labels serve the label loss alone" if hard else "labels are taken and have no effect"
    says = f"no row is ever left out: {served}, so -100 is not asked of it"
    if of_classes(call):
        return [says]
    return [says, f"taken for a loss of classes, one label an example; {OTHERWISE}"]


def ignores(call: Call) -> bool:
    """Whether its source speaks of rows that do not count."""
    return says_ignored(call) or "mask" in source(call).lower()


def says_ignored(call: Call) -> bool:
    """Whether it does so in words that are about nothing else; a mask may also be of classes."""
    text = source(call).lower()
    return any(word in text for word in ("-100", "ignore", "pad_", "padding"))
