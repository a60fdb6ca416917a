"""The form of every message that ends a command: one line, no blame, no full stop; that it helps is for a reader.

A reader has read those in messages.txt. A new one, or another wording, is read too: what happened, where, and what to
do? Then ``python tests/test_messages.py`` writes the list again.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
READ = ROOT / "tests" / "messages.txt"
"""Every message that was read, by its file; ``NAME`` stands for whatever is put in."""
RAISED = {"UserError", "TrainingError", "AssetError", "Unreadable", "Unwritable", "Stopped"}
NAMES = ("GGUF ", "DeepSpeed", "NAME")
"""What may begin a message with a capital."""
UNKIND = re.compile(
    r"\b(please|sorry|oops|illegal|failed to|invalid|error:|unable to|must not be None)\b", re.IGNORECASE
)


def pieces(node: ast.expr) -> Iterator[str]:
    """The text of a message; ``NAME`` stands for whatever is put in."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        yield "".join(str(one.value) if isinstance(one, ast.Constant) else "NAME" for one in node.values)
    elif isinstance(node, ast.IfExp):
        yield from (*pieces(node.body), *pieces(node.orelse))


def messages() -> dict[str, str]:
    found = {}
    for path in sorted([*(ROOT / "sad").rglob("*.py"), *(ROOT / "sad_doctor").rglob("*.py")]):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and node.args and ast.unparse(node.func).rpartition(".")[2] in RAISED:
                for text in pieces(node.args[0]):
                    found[f"{path.relative_to(ROOT)}:{node.lineno} {text}"] = text
    return found


def faults(text: str) -> list[str]:
    wrong = []
    if "\n" in text or "\t" in text or "\x1b" in text:
        wrong.append("more than one line")
    if text.endswith((".", "!", " ")) and not text.endswith("…"):
        wrong.append("a full stop")
    if text[:1].isupper() and not text.startswith(NAMES):
        wrong.append("a capital")
    if UNKIND.search(text):
        wrong.append("words that help nobody")
    if len(re.sub(r"NAME(baseline)?: NAME", "a message from below", text).split()) < 3:
        wrong.append("too short to say what to do")
    return wrong


def test_every_message_has_the_form() -> None:
    found = messages()
    assert len(found) > 150
    assert {where: wrong for where, text in found.items() if (wrong := faults(text))} == {}


def test_the_form_refuses_what_is_against_it() -> None:
    for text in ("no such file.", "Failed to load NAME", "the value of NAME is invalid here", "a\nb c d", "bad file"):
        assert faults(text)
    assert not faults("no such file: NAME")


def listed() -> str:
    """Every message with its file, without the line, which moves."""
    return "".join(f"{line}\n" for line in sorted({re.sub(r":\d+ ", "  ", where, count=1) for where in messages()}))


def test_every_message_was_read() -> None:
    now, read = (set(text.splitlines()) for text in (listed(), READ.read_text(encoding="utf-8")))
    told = "read them: what happened, where, what to do? Then: python tests/test_messages.py"
    assert (sorted(now - read), sorted(read - now)) == ([], []), told


if __name__ == "__main__":
    READ.write_text(listed(), encoding="utf-8", newline="\n")
