"""Whether a step without windows leaves padding out: more of it behind the same texts changes no gradient."""

from __future__ import annotations

import re
from typing import Protocol

from jaxtyping import Float, Int
from torch import Tensor

from sad.judge.judging import Code, reached
from sad.subjects.plain.loop import make_texts
from sad.verdict import Standing, Verdict

LENGTHS, MORE = (4, 7, 5), 8
"""Tokens of the texts, and places of padding that are put behind all of them."""
SAME = 1e-4
"""Relative: what float32 leaves."""
TELLS = re.compile(r"\b(?!\w*(?:causal|vocab))\w*mask(?!ed_)|-100|ignore_index|IGNORE|pad_(?:token|id|idx)|_pad_id")
"""Where code reads which places are padding. That it hands a batch on, or labels, is no sign of padding: packed rows
have both.
"""


class Padded(Protocol):
    """The gradient of a step."""

    def __call__(self, texts: list[Int[Tensor, " token"]], padding: int = 0, /) -> Float[Tensor, " weight"]:
        """Return the gradient that the optimizer is handed for these texts, with so much padding behind all."""


def counted(gradient: Padded, code: Code, verdict: Verdict) -> Verdict:
    """Return the verdict of the lengths, or that padding counts.

    Code that reads no mask and leaves out no label may be for rows of one length: then it is allowed and said. What its
    comments and docstrings speak of it does not read.
    """
    texts = make_texts(LENGTHS)
    plain, again, more = (gradient(texts, padding).double() for padding in (0, 0, MORE))
    size = float(plain.norm())
    if not size > 0 or float((again - plain).norm()) > SAME * size:
        return verdict
    apart = float((more - plain).norm()) / size
    if apart <= SAME:
        return verdict
    says = f"padding counts: with {MORE} more places of it behind the same texts its gradient is {apart:.0%} away"
    numbers = {**verdict.numbers, "apart": apart}
    if not TELLS.search(_code(reached(code))):
        return Verdict(True, f"{says}; right where texts are of one length", numbers, standing=Standing.ALLOWED)
    return Verdict(False, f"{says}; leave it out of every sum and every mean", numbers)


def _code(text: str) -> str:
    """A source without its comments and docstrings."""
    return re.sub(r'"""[\s\S]*?"""|\'\'\'[\s\S]*?\'\'\'|#[^\n]*', "", text)
