"""What a loss of someone else may leave to its caller, though a property says otherwise; each with its reason."""

from __future__ import annotations

import re

from sad.judge.battery import judged
from sad.subjects.divergence import Divergence
from sad.verdict import Cause, Standing, Verdict

EPSILON = 0.01
"""Relative: what an epsilon beside 70,000 probabilities may change."""
BY_AN_EPSILON = re.compile(r"gradient 1 x right$|gradient 1\.000\d* x right$")
"""What is said of a gradient that is right but for a thousandth."""
HAS_EPSILON = re.compile(r"\b1e-\d|\beps")
WEIGHED = ("padding", "partition")
NARROWED = re.compile(r"\.half\(\)|\.to\(torch\.(b?float16|half)\)|\.bfloat16\(\)")
"""Where a source makes half precision of its value."""
OF_FLOAT16 = re.compile(r"^ordinary logits, float16: ")
NO_KERNEL = re.compile(r"not implemented for '(?:BFloat16|Half)'")
"""What torch says of an operation that this processor has not in half precision."""
ONE_BATCH = "it compares rows with one another: its batch is not to be split"
CUT = re.compile(r"\btopk\(|\btop_k\b")
"""Where a source keeps the likeliest tokens alone."""
LARGE = re.compile(r"^(?:a logit of \d+|logits \d+ times as large)")
"""Where a fault shows on very large logits."""
LOUD = re.compile(r"^a token ruled out by .*: the loss is infinite")
"""What everybody sees: a loss that is infinite with logits of -inf."""
HELD_BACK = re.compile(r"\.detach\(\)|no_grad|stop_gradient|topk|\.data\b")
"""Where the source of a loss holds a gradient back."""


def settled(
    name: str,
    divergence: Divergence,
    text: str = "",
    *,
    uneven: bool = False,
    scaleless: bool = False,
    mixed: bool = False,
    coupled: bool = False,
    maps: bool = False,
    marked: bool = False,
) -> Verdict:
    """Judge a property; what breaks it and may be left to the caller is allowed.

    ``text`` is the loss's source; with ``uneven`` its rows weigh as no contract has a name for,
    with ``scaleless`` it is of the directions of logits alone, with ``mixed`` it has a label loss beside it,
    with ``coupled`` it compares its rows with one another on purpose, with ``maps`` it takes the weights of an
    attention, with ``marked`` one id of the vocabulary stands where a label is none.
    """
    verdict = judged(name, divergence)
    if verdict.holds:
        return verdict
    if why := _of_half(name, divergence, verdict, text, scaleless=scaleless, mixed=mixed):
        return _allowed(f"{why}: {verdict.says}", verdict)
    if verdict.cause is Cause.LARGE_VOCABULARY and abs(verdict.numbers["ratio"] - 1) <= EPSILON:
        return _allowed(f"an epsilon shows in a large vocabulary: {verdict.says}", verdict)
    if verdict.cause is Cause.LARGE_VOCABULARY and CUT.search(text):
        return _allowed(f"it keeps the likeliest tokens of a large vocabulary alone: {verdict.says}", verdict)
    if BY_AN_EPSILON.search(verdict.says) and HAS_EPSILON.search(text):
        return _allowed(f"an epsilon shows in small probabilities: {verdict.says}", verdict)
    if verdict.cause is Cause.RULED_OUT or (name == "finite" and LOUD.search(verdict.says)):
        return _allowed(f"tokens that are ruled out are its own affair: {verdict.says}", verdict)
    if name in WEIGHED and (uneven or coupled):
        why = "its rows have weights of their own" if uneven else ONE_BATCH
        return _allowed(f"{why}: {verdict.says}", verdict)
    if marked and verdict.says.startswith("the tokens in another order"):
        return _allowed(f"the id that stands where a label is none is one of them: {verdict.says}", verdict)
    if maps and LARGE.search(verdict.says):
        return _allowed(f"an attention is hardly ever so sharp: {verdict.says}", verdict)
    if name == "distinguishes" and scaleless:
        return _allowed(f"it does not see the scale of logits: {verdict.says}", verdict)
    if name == "derivative" and not divergence.known and HELD_BACK.search(text):
        return _allowed(f"part of it is detached or cut in its source: {verdict.says}", verdict)
    return verdict


def _of_half(name: str, divergence: Divergence, verdict: Verdict, text: str, *, scaleless: bool, mixed: bool) -> str:
    """Why a fault is one of half precision that its caller can mend; '' where it is none."""
    if NO_KERNEL.search(verdict.says):
        return "not so on this processor"
    if verdict.cause is Cause.FLOAT16 and mixed:
        return "the label loss beside it may overflow in float16: give it float32 logits"
    if not divergence.known and (verdict.cause is Cause.FLOAT16 or OF_FLOAT16.search(verdict.says)):
        return "no divergence that I know, in float16: give it float32"
    if scaleless and name == "half_precision" and "float16" in verdict.says:
        return "squares of logits overflow in float16: give it float32"
    if name in ("derivative", "partition") and NARROWED.search(text):
        return "its value is cast to half precision in its source"
    return ""


def _allowed(why: str, verdict: Verdict) -> Verdict:
    return Verdict(True, why, verdict.numbers, standing=Standing.ALLOWED, example=verdict.example)
