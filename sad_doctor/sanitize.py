"""The one gate for text that comes from a log: after it, nothing can reach the terminal as a control code."""

from __future__ import annotations

import re

# C0 without tab and newline, DEL, C1, bidirectional overrides and isolates, zero-width, separator and tag characters.
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)
_ESCAPE = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[PX^_][^\x1b]*(?:\x1b\\)?|[ -/]*[0-~])"
)

LONGEST = 4000


def sanitize(text: str, longest: int = LONGEST) -> str:
    """Return ``text`` without escape sequences, other unsafe characters as U+FFFD, cut at ``longest`` characters.

    What was cut ends in an ellipsis. Cleaning twice gives the same as once.
    """
    if len(text) <= longest and text.isprintable():
        return text  # no control, format or unassigned character: nearly every line
    whole = len(text) <= 4 * longest
    text = _UNSAFE.sub("\ufffd", _ESCAPE.sub("", text[: 4 * longest]))
    return text if whole and len(text) <= longest else text[: longest - 1] + "…"
