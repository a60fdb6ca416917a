"""What a loss says of itself, in its name and its docs, held against what it was found to be."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

from sad.judge.losses.call import Call
from sad.judge.losses.context import source
from sad.judge.losses.families import EXCHANGED, FORWARD, GENERAL, REVERSE
from sad.judge.losses.found import Found
from sad.judge.losses.kinds import at_end
from sad.judge.losses.no_effect import inherited
from sad.judge.names import tokens
from sad.subjects.divergence import Reduction

BACKWARDS = re.compile(
    r"reverse|rkl|r_kl|backward.?kl|kl.?\(?\s*(student|q\b|p_s|ps\b)|mode.?seeking|exclusive|minillm|student\s*\|\|",
    re.IGNORECASE,
)
"""Where source or docs own up to a reverse KL."""
ENDS = re.compile(
    r"(?<![\d.])(?P<end>[01])(?:\.0)?\b`?\)?\s*(?:[^\w\s.]|\bthis\b|\bthe\b|\bloss\b|\breduces?\b|\bto\b|\bis\b|\bmeans\b|"
    r"\bcorresponds\b|\bgives\b|\bequals\b|\byields\b|\bfor\b|\bpure\b|\s)*(?P<kind>forward|reverse)",
    re.IGNORECASE,
)
"""«0 = forward KL», «when set to 1 this loss reduces to forward KL»."""
GKD = re.compile(r"2306\.13649|generali[sz]ed.?(jsd|jensen)|\bgkd\b|on-policy distillation", re.IGNORECASE)

GENERALISED = re.compile(r"generali[sz]ed\W{0,3}(jsd|jensen)", re.IGNORECASE)


def claims(found: Found) -> list[str] | None:
    """Return what the loss claims and is not; None where it claims nothing that could be checked."""
    call = found.shape.call
    name, text = named(call), source(call)
    words = set(tokens(name))
    said = _direction(words, name)
    ends = _ends(text)
    reduced = _of_the_reduction(found)
    if not (said or ends or reduced or GENERALISED.search(text)) and found.name not in (REVERSE.name, EXCHANGED.name):
        return None
    if not found.known:
        return reduced or ([] if said is None and not ends else None)
    return [*reduced, *_of_the_name(found, said, name, text), *_of_the_ends(found, ends), *_of_gkd(found, text, name)]


def named(call: Call) -> str:
    """Return the name that tells most: of the function, of the method, of the class."""
    target = call.about or call.target
    target = target.__func__ if isinstance(target, classmethod) else target
    name = getattr(target, "__name__", type(target).__name__)
    return type(target).__name__ if name in ("forward", "__call__") and call.owner is None else name


def _direction(words: set[str], name: str) -> str | None:
    flat = "".join(tokens(name))
    if words & {"reverse", "rkl", "rev", "reversed"} or "reversekl" in flat:
        return "reverse"
    if "forwardkl" in flat or "fkl" in words:
        return "forward"
    if words & {"js", "jsd", "jensen", "jensenshannon"} or "jsd" in flat or "jsdiv" in flat:
        return "js"
    return None


def _of_the_name(found: Found, said: str | None, name: str, text: str) -> Iterator[str]:
    is_forward = found.name == FORWARD.name or found.name.startswith("skewed forward")
    is_reverse = found.name == REVERSE.name or found.name.startswith("skewed reverse")
    if said == "reverse" and is_forward:
        yield f"{name} says reverse, and it is {found.name}: KL(teacher || student)"
    elif said == "forward" and is_reverse:
        yield f"{name} says forward, and it is {found.name}: KL(student || teacher)"
    elif said == "js" and "JSD" not in found.name and "mixture" not in found.name:
        yield f"{name} says Jensen-Shannon, and it is {found.name}"
    elif said is None and found.name == REVERSE.name and not BACKWARDS.search(text):
        yield (
            "it is KL(student || teacher), the reverse KL, and neither its name nor its source says so: "
            "are the arguments of F.kl_div (input = student, target = teacher) the other way round?"
        )


def _ends(text: str) -> dict[float, str]:
    """Return which KL the docs name at each end of beta."""
    found: dict[float, str] = {}
    for comment in _prose(text):
        for match in ENDS.finditer(comment):
            found.setdefault(float(match["end"]), match["kind"].lower())
    return found if len(set(found.values())) == len(found) else {}


def _prose(text: str) -> Iterator[str]:
    """The docstrings and comments of a source, a sentence or so at a time."""
    docs = [*re.findall(r'"""(.*?)"""', text, re.DOTALL), " ".join(re.findall(r"#(.*)", text))]
    for doc in docs:
        yield from re.split(r"(?<!\d)\.\s|;|\n\s*\n", inspect.cleandoc(doc))


def _of_the_ends(found: Found, ends: dict[float, str]) -> Iterator[str]:
    call = found.shape.call
    if not found.shape.fit.family.beta or not call.betas() or call.form.beta == "":
        return
    for end, kind in ends.items():
        got = at_end(call, end, 0)
        if got in (FORWARD.name, REVERSE.name) and not got.startswith(kind):
            yield f"its docs say {kind} KL at {end:g}, and it is {got} there"


def _of_the_reduction(found: Found) -> list[str]:
    """A sum over rows where the setting that is called reduction asks for a mean."""
    asked = found.shape.call.defaults().get("reduction")
    if (
        inherited(found.shape.call)
        or found.uneven
        or asked not in ("mean", "batchmean")
        or found.divergence.contract.reduction is not Reduction.SUM
    ):
        return []
    return [f"its reduction is {asked!r}, and it is a sum over all rows"]


def _of_gkd(found: Found, text: str, name: str) -> Iterator[str]:
    if found.name == EXCHANGED.name and found.shape.call.betas() and GKD.search(f"{name}\n{text}"):
        yield f"it names the {GENERAL.name}, whose beta weighs the teacher, and its beta weighs the student"
    other = "JSD" not in found.name and "mixture" not in found.name and _direction(set(tokens(name)), name) != "js"
    if other and found.shape.call.betas() and GENERALISED.search(text):
        yield f"it names the {GENERAL.name}, and it is {found.name}"
