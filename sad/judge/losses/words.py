"""The words that a setting is compared with, and which of them asks for a divergence of logits."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sad.judge.roles import Role

if TYPE_CHECKING:
    from sad.judge.losses.call import Call

KIND = ("soft", "forward_kl", "forward", "forward_kld", "fkl", "kl", "kld", "kl_div", "kd", "logits", "logit")
"""Words for the divergence of logits, the likeliest first."""


def word_for(name: str, text: str, *, any_: bool = False) -> str | None:
    """Return the word that asks for a divergence of logits, of those that a source compares a setting with.

    With ``any_`` the first of them where none is known to: what is required must be given.
    """
    told = words_for(name, text)
    return next((word for word in KIND if word in told), told[0] if told and any_ else None)


def words_for(name: str, text: str) -> list[str]:
    """Return the words that a source compares a setting with, in order."""
    told: list[str] = []
    for found in re.finditer(rf"\b{name}\s*(?:==|in|not in)\s*([\[(]?[^\])\n:]*)", text):
        told += re.findall(r"[\'\"]([\w-]+)[\'\"]", found[1])
    return list(dict.fromkeys(told))


def words_of(call: Call) -> dict[str, str | None]:
    """Return the word that each parameter is given which must be one; None where the source compares it with none."""
    read_from = [call.reading, *([call.built] if call.built else [])]
    names = [name for reading in read_from for name in reading.named(Role.WORD)]
    return {n: "batchmean" if n == "reduction" else word_for(n, call.text, any_=True) for n in names}


def other_words(call: Call) -> dict[str, list[str]]:
    """Return the other words that the source compares each of these parameters with."""
    told = {name: word for name, word in words_of(call).items() if word is not None and name != "reduction"}
    return {name: [one for one in words_for(name, call.text) if one != word] for name, word in told.items()}
