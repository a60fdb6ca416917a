"""The form of every message that ends a command: one line, no blame, no full stop; that it helps is for a reader.

A reader has read those in messages.txt. A new one, or another wording, is read too: what happened, where, and what to
do? Then ``python tests/test_messages.py`` writes the list again. Listed are what every kind of UserError is raised
with, what ends a command besides, and ValueErrors, which become messages in the recipe and in the doctor.
"""

from __future__ import annotations

import ast
import itertools
import math
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
READ = ROOT / "tests" / "messages.txt"
"""Every message that was read, by its file; ``NAME`` stands for whatever is put in."""
BESIDE = {"Unreadable", "Unwritable", "Stopped", "ValueError"}
"""What ends a command, or becomes such a message, and is no UserError."""
HANDED_ON = {
    ("sad/align/reader.py", "str(error)"),  # ValueError of token_bytes
    ("sad/cli/doctor.py", "str(problem)"),  # ValueError and Unreadable of the doctor
    ("sad/data/stream.py", "self._maker.name"),  # ChangedError says the rest
    ("sad/errors.py", "message"),  # Stopped
    ("sad/models/files.py", "str(error)"),  # AssetError
}
"""Whose message is another one's, which is listed where it is raised."""
NAMES = ("GGUF ", "DeepSpeed", "NAME")
"""What may begin a message with a capital."""
UNKIND = re.compile(
    r"\b(please|sorry|oops|illegal|failed to|invalid|error:|unable to|must not be None)\b", re.IGNORECASE
)
MOST = 6
"""Texts that an f-string may stand for, each of which is listed."""
Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def code() -> dict[str, ast.Module]:
    """Every file of both packages, by its path."""
    files = sorted([*(ROOT / "sad").rglob("*.py"), *(ROOT / "sad_doctor").rglob("*.py")])
    return {path.relative_to(ROOT).as_posix(): ast.parse(path.read_text(encoding="utf-8")) for path in files}


@cache
def walked(tree: ast.AST) -> tuple[ast.AST, ...]:
    """Every node of a tree; many ask for it, and a walk through all files takes seconds."""
    return tuple(ast.walk(tree))


@cache
def kinds() -> frozenset[str]:
    """The classes whose message ends a command: UserError, all that derive from it, and ``BESIDE``."""
    found = {"UserError"}
    classes = [node for tree in code().values() for node in walked(tree) if isinstance(node, ast.ClassDef)]
    while more := {one.name for one in classes if found & {_name(base) for base in one.bases}} - found:
        found |= more
    return frozenset(found | BESIDE)


@cache
def functions() -> dict[str, list[Function]]:
    """Every function by its name."""
    found: dict[str, list[Function]] = {}
    for tree in code().values():
        for node in walked(tree):
            if isinstance(node, Function):
                found.setdefault(node.name, []).append(node)
    return found


def _name(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ast.unparse(node).rpartition(".")[2]


def pieces(node: ast.AST, around: ast.AST) -> Iterator[str]:
    """The texts that a message may be; ``NAME`` stands for whatever is put in. ``around`` is the function it is in."""
    match node:
        case ast.Constant(value=str(text)):
            yield text
        case ast.JoinedStr():
            parts = [list(dict.fromkeys(fixed(one, around))) for one in node.values]
            if math.prod(map(len, parts)) > MOST:
                # a reader is told of each text once, not of every way to put them together
                parts = [one if len(one) == 1 else ["NAME"] for one in parts]
            yield from map("".join, itertools.product(*parts))
        case ast.IfExp():
            yield from (*pieces(node.body, around), *pieces(node.orelse, around))
        case ast.BoolOp():
            yield from (text for one in node.values for text in pieces(one, around))
        case ast.Subscript():
            yield from pieces(node.value, around)
        case ast.Name(id=name):
            yield from (text for one in _given(name, around) for text in pieces(one, around))
        case ast.Call() if _name(node.func) not in kinds():
            for function in functions().get(_name(node.func), []):
                returns = (one.value for one in walked(function) if isinstance(one, ast.Return) and one.value)
                yield from (text for one in returns for text in pieces(one, function))


def fixed(node: ast.expr, around: ast.AST) -> Iterator[str]:
    """The texts that a part of an f-string may be, where they are written here; else ``NAME``."""
    match node:
        case ast.Constant():
            yield str(node.value)
        case ast.FormattedValue(value=inner, conversion=-1, format_spec=None):
            yield from _spelled(inner, around, {}) or ["NAME"]
        case _:
            yield "NAME"


def _spelled(node: ast.expr, around: ast.AST, seen: dict[str, None]) -> list[str]:
    """The texts that a value may be; none where one of them is not written in the function or the file around it."""
    match node:
        case ast.Constant(value=str(text)):
            return [text]
        case ast.IfExp():
            both = [_spelled(one, around, seen) for one in (node.body, node.orelse)]
            return [text for one in both for text in one] if all(both) else []
        case ast.JoinedStr():
            parts = [_spelled(one, around, seen) or ["NAME"] for one in node.values]
            return ["".join(one) for one in itertools.product(*parts)] if math.prod(map(len, parts)) <= MOST else []
        case ast.FormattedValue(conversion=-1, format_spec=None):
            return _spelled(node.value, around, seen)
        case ast.Name(id=name) if name not in seen and not _is_parameter(name, around):
            given = [*_given(name, around)] or [*_given(name, _file_of(around))]
            every = [_spelled(one, around, {**seen, name: None}) for one in given]
            return [text for one in every for text in one] if every and all(every) else []
    return []


def _is_parameter(name: str, around: ast.AST) -> bool:
    return any(isinstance(one, ast.arg) and one.arg == name for one in walked(around))


@cache
def _own(tree: ast.Module) -> ast.Module:
    return ast.Module([one for one in tree.body if isinstance(one, ast.Assign | ast.AnnAssign)], [])


@cache
def _file_of(node: ast.AST) -> ast.AST:
    """The module's own assignments, of the file that a function is in."""
    return next((_own(tree) for tree in code().values() if node in _functions_of(tree)), ast.Module([], []))


@cache
def _functions_of(tree: ast.Module) -> frozenset[ast.AST]:
    return frozenset(one for one in walked(tree) if isinstance(one, Function | ast.Module))


def _given(name: str, around: ast.AST) -> Iterator[ast.expr]:
    """What a name is set to in a function."""
    for one in walked(around):
        if isinstance(one, ast.Assign | ast.AnnAssign | ast.NamedExpr) and one.value is not None:
            targets = one.targets if isinstance(one, ast.Assign) else [one.target]
            if any(isinstance(target, ast.Name) and target.id == name for target in targets):
                yield one.value


def raised(tree: ast.AST) -> Iterator[tuple[ast.Call, ast.AST]]:
    """Every call that makes an error of ``kinds``, that of ``super().__init__`` too, and the function it is in."""
    waiting: list[tuple[ast.AST, ast.AST, str]] = [(tree, tree, "")]
    while waiting:
        above, around, kind = waiting.pop()
        for node in ast.iter_child_nodes(above):
            if isinstance(node, ast.Call) and node.args:
                own = kind in kinds() and ast.unparse(node.func) == "super().__init__"
                if own or _name(node.func) in kinds():
                    yield node, around
            within = node.name if isinstance(node, ast.ClassDef) else kind
            waiting.append((node, node if isinstance(node, Function) else around, within))


@cache
def written() -> list[tuple[str, ast.Call, tuple[str, ...]]]:
    """Every call that makes an error: its file, itself, and the texts that its message may be."""
    return [
        (file, call, tuple(pieces(call.args[0], around)))
        for file, tree in code().items()
        for call, around in raised(tree)
    ]


def messages() -> dict[str, str]:
    return {f"{file}:{call.lineno} {text}": text for file, call, texts in written() for text in texts}


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
    if len(re.sub(r"(NAME: |--)?(NAME|baseline): NAME", "a message from below", text).split()) < 3:
        wrong.append("too short to say what to do")
    return wrong


def test_every_message_has_the_form() -> None:
    found = messages()
    assert len(found) > 350
    assert {where: wrong for where, text in found.items() if (wrong := faults(text))} == {}


def test_the_form_refuses_what_is_against_it() -> None:
    for text in ("no such file.", "Failed to load NAME", "the value of NAME is invalid here", "a\nb c d", "bad file"):
        assert faults(text)
    assert not faults("no such file: NAME")


def test_the_kinds_are_those_that_derive_from_it() -> None:
    assert {"TrainingError", "AssetError", "NeedsAdapterError", "OwnWordsError", "InSharedPassError"} <= kinds()
    assert "BrokenError" not in kinds()


def test_a_message_is_followed_to_where_it_is_written() -> None:
    tree = ast.parse(
        "def f(a):\n    if told := g(a):\n        raise UserError(told)\n    t = f'{a}: b'\n    raise UserError(t)"
    )
    assert [text for call, around in raised(tree) for text in pieces(call.args[0], around)] == ["NAME: b"]


def test_what_is_put_in_is_spelled_where_it_is_written() -> None:
    tree = ast.parse(
        "WAY = 'mend it'\n"
        "def f(a, b):\n    t = 'red' if a else 'blue'\n    n = g(a)\n    raise UserError(f'{b} is {t}: {n}; {WAY}')"
    )
    code()["<test>"] = tree
    try:
        found = {text for call, around in raised(tree) for text in pieces(call.args[0], around)}
    finally:
        del code()["<test>"]
    assert found == {"NAME is red: NAME; mend it", "NAME is blue: NAME; mend it"}


def test_no_message_is_unread() -> None:
    """One whose text cannot be found is another one's, handed on."""
    assert {(file, ast.unparse(call.args[0])) for file, call, texts in written() if not texts} == HANDED_ON


def listed() -> str:
    """Every message with its file, without the line, which moves."""
    return "".join(f"{line}\n" for line in sorted({re.sub(r":\d+ ", "  ", where, count=1) for where in messages()}))


def test_every_message_was_read() -> None:
    now, read = (set(text.splitlines()) for text in (listed(), READ.read_text(encoding="utf-8")))
    told = "read them: what happened, where, what to do? Then: python tests/test_messages.py"
    assert (sorted(now - read), sorted(read - now)) == ([], []), told


if __name__ == "__main__":
    READ.write_text(listed(), encoding="utf-8", newline="\n")
