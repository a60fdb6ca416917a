"""Edits that by their nature change no result: each kind with its reason."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Set

SAME_EITHER_WAY = {"min", "max", "minimum", "maximum", "mul", "logaddexp", "gcd", "addcmul_", "packed_size"}
"""Functions whose first two arguments may be swapped: the smaller of a and b is the smaller of b and a, and a numbers
of b bits take the bytes of b numbers of a bits.
"""
NO_RESULT = {
    "inplace",  # whether a result takes the memory of what is thrown away
    "repr",  # whether a field is printed
    "return_attention_mask",  # whether a mask is given that nobody reads
    "use_cache",  # whether a pass also returns what a later pass could reuse
    "fused",  # which kernel takes the same optimizer step
    "assume_unique",  # saves a sort of what is sorted
    "indent",  # how a JSON file is laid out
    "ensure_ascii",  # how its letters are escaped
    "non_blocking",  # whether the host waits for a copy
    "daemon",  # whether a thread may outlive the program
    "maxsize",  # how much of what can be made again is kept
    "exist_ok",  # whether a folder that is there is an error
    "parents",  # whether those above it are made too
    "missing_ok",  # whether a file that is gone is an error
    "ignore_errors",  # whether what cannot be removed is
    "digest_size",  # how long a hash is
}
"""Flags of calls that say how a result is reached or written, never what it is."""
PORTIONS = {
    *(
        "CHUNK",
        "CHARACTERS",
        "BLOCK",
        "OTHERS",
        "PIECE",
        "FEWEST",
        "TILE",
        "ROWS",
        "LEAST_ROWS",
        "MOST_ROWS",
        "LOGITS",
        "SLOPES",
        "LINE",
    ),
    *("OPEN", "EVER", "LEAD", "WORTH_TELLING"),
    # of a cache for which nobody says how much
    *("DEFAULT_K", "DEFAULT_BITS", "HELD_OUT_K", "HELD_OUT_BITS", "SMALL"),
    # of a segment, and of a pool of steps
    *("FIRST", "MOST", "POOL"),
    # seconds
    *("PAUSE", "PATIENCE", "LEAVE"),
    # tells the numbers that are drawn for one thing from those for another: any number of its own does
    "PACKED",
}
"""Constants that say how much is done, or kept, at a time, is worth a word, or how long somebody waits; one is for more
steps than a run takes.
"""
LIMITS = {"FAR", "FARTHEST"}
"""How far something may go: one more is no other limit."""
BY_AXIS = {"gather", "scatter", "scatter_", "scatter_add_", "squeeze", "log_softmax"}
"""Methods whose first argument is an axis."""
TOLERANCES = {"ONE", "PROPORTION", "LEAST", "NOTHING", "SIGN"}
"""Named tolerances: no number that is measured lies on one to the last bit, so < and <= are one."""
CLOCKS = ("perf_counter(", "monotonic(")
"""Who is asked for the time tells how long something took, never what it gave."""
TOLD = {"counts"}
"""Who is told what became of a text, for a person to read."""
MARKS = {
    *("mark", "self.clock.start", "guards.begin", "devices.place", "check_moment"),
    *("require_maps", "check_terms"),
    *("os.fsync", "opened.flush", "sync", "cache.sync", "disk.sync", "time.sleep"),
    *("self._schedule.wait", "self._thread.join"),
    "remember",
}
"""Calls that tell a clock which part of a step begins, or a guard to take its place or to look at what a file holds;
that wait, for a disk or for a while; one that puts models where a processor has them already; and one that keeps what
can be made again.
"""
GPU = {"self.fused", "self._pinned"}
"""Whether a GPU's kernel, or memory that a GPU copies from, is used: never on a processor."""


def idle(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes at or below ``node`` of which no edit can change a result."""
    match node:
        # what only words a message, annotates a type or imports, and what stands beside the work
        case _ if _only_words(node) or _beside(node):
            yield from ast.walk(node)
        # what dataclass(frozen=True) and its like promise is no arithmetic
        case ast.ClassDef():
            yield from (part for mark in node.decorator_list for part in ast.walk(mark))
        # a guard: it says which input is refused, and right input is not
        case ast.If(test=test, body=[*body, ast.Raise()], orelse=[]):
            yield node
            yield from (part for one in (test, *body) for part in ast.walk(one))
        case ast.If() | ast.IfExp() | ast.ExceptHandler():
            yield from _never_here(node)
        # of a zip, which raises where lengths do not agree, and pairs those that do alike
        case ast.Call(func=ast.Name(id="zip")):
            yield from (part for flag in node.keywords for part in ast.walk(flag))
        # the last axis of a table is its axis 1: dim=1 is dim=-1 (dim=-2 is not, and is tried)
        case ast.keyword() | ast.Call() if (axis := _last_axis(node)) is not None:
            yield axis
        case ast.Assign() | ast.Call() if (number := _mark(node)) is not None:
            yield number
        case ast.Compare() | ast.BinOp() if _either_way(node):
            yield node
        # where no graph is made there is nothing to detach from
        case ast.FunctionDef() if any("no_grad" in ast.unparse(d) for d in node.decorator_list):
            yield from (part for part in ast.walk(node) if _is_call_of(part, {"detach"}))
        case ast.Call(args=[first, second, *_]) if _is_call_of(node, SAME_EITHER_WAY) or _equal(first, second):
            yield node


def _never_here(node: ast.If | ast.IfExp | ast.ExceptHandler) -> Iterator[ast.AST]:
    """What only a GPU or DeepSpeed runs: `sad verify` runs on a processor, and without what is not installed with it;
    and what a broken disk runs: it breaks none.
    """
    match node:
        case ast.If(test=test, body=body) | ast.IfExp(test=test, body=body) if _asks_for_what_is_not_here(test):
            yield node
            run = body if isinstance(body, list) else [body]
            yield from (part for one in (test, *run) for part in ast.walk(one))
        case ast.ExceptHandler(type=ast.expr() as kind) if "OSError" in ast.unparse(kind):
            yield from (part for one in node.body for part in ast.walk(one))


def _last_axis(node: ast.AST) -> ast.AST | None:
    """The axis -1 of a call that is told of one."""
    match node:
        case ast.keyword(arg="dim", value=ast.UnaryOp(op=ast.USub()) as axis):
            return axis
        case ast.Call(args=[ast.UnaryOp(op=ast.USub()) as axis, *_]) if _is_call_of(node, BY_AXIS):
            return axis
    return None


def _either_way(node: ast.Compare | ast.BinOp) -> bool:
    """A comparison with a tolerance; how many are done at a time, of how much at a time; and whether it is a processor,
    as on a GPU the host must not wait: that way gives the same numbers, and may be taken on a processor.
    """
    if isinstance(node, ast.BinOp):
        return ast.unparse(node.left).removeprefix("-") in PORTIONS
    told = ast.unparse(node.comparators[0])
    return told in TOLERANCES | PORTIONS or (told == "'cpu'" and ast.unparse(node.left).endswith(".type"))


def _mark(node: ast.AST) -> ast.AST | None:
    """The number of which only the sign matters: a negative number that has a name is a mark, and any other negative
    one marks as well; numpy finds the length of an axis that is told by any (a positive one is tried).
    """
    match node:
        case ast.Assign(targets=[ast.Name(id=name)], value=ast.UnaryOp(op=ast.USub(), operand=number)):
            return number if name.isupper() else None
        case ast.Call(args=[ast.UnaryOp(op=ast.USub(), operand=number), *_]) if _is_call_of(node, {"reshape"}):
            return number
    return None


def _asks_for_what_is_not_here(test: ast.AST) -> bool:
    told = ast.unparse(test)
    return told in GPU or any(
        gpu in told for gpu in ("== 'cuda'", "== 'mps'", "cuda.is_available()", "isinstance(how, Zero)")
    )


def _beside(node: ast.AST) -> bool:
    """What is read by type checkers alone, how a result is reached, how much at a time, and how long it took."""
    match node:
        case ast.If(test=ast.Name(id="TYPE_CHECKING")):
            return True
        case ast.keyword(arg=arg):
            return arg in NO_RESULT
        case ast.Assign(targets=[target], value=value):
            return _names(target) <= PORTIONS | GPU | LIMITS or any(clock in ast.unparse(value) for clock in CLOCKS)
        case ast.AugAssign(target=target, value=value):
            told = ast.unparse(target).partition(".")[0] in TOLD
            return told or any(clock in ast.unparse(value) for clock in CLOCKS)
        case ast.Expr(value=ast.Call(func=func)):
            return ast.unparse(func) in MARKS
    return False


def _names(target: ast.AST) -> Set[str]:
    return {ast.unparse(one) for one in (target.elts if isinstance(target, ast.Tuple) else [target])}


def _is_call_of(node: ast.AST, names: Set[str]) -> bool:
    func = node.func if isinstance(node, ast.Call) else None
    return (func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "")) in names


def _equal(first: ast.AST, second: ast.AST) -> bool:
    return ast.dump(first) == ast.dump(second)


def _only_words(node: ast.AST) -> bool:
    """Docstrings, messages of errors, annotations, imports, type aliases."""
    if isinstance(node, ast.Raise | ast.Import | ast.ImportFrom | ast.JoinedStr | ast.Assert):
        return True
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return True
    if isinstance(node, ast.arg) or (isinstance(node, ast.AnnAssign) and node.value is None):
        return True
    return isinstance(node, ast.Subscript) and ast.unparse(node.value) in ("Float", "Int", "Callable", "dict", "list")
