"""What an expression is: probabilities, their logarithm, logits; and whose, the teacher's or the student's."""

from __future__ import annotations

import ast
import re
from enum import StrEnum

from sad.source.code import Code
from sad.source.made import called, makers

DEEP = 12
"""Steps from a name to what it was made of, after which nothing is said."""


class Kind(StrEnum):
    """What rows over a vocabulary are."""

    PROBS = "probabilities"
    LOG_PROBS = "log-probabilities"
    UNKNOWN = "unknown"


class Whose(StrEnum):
    """Which model they come from."""

    TEACHER = "teacher"
    STUDENT = "student"
    UNKNOWN = "unknown"


TEACHER = re.compile(r"(^|_)(teacher|tea|tch|tchr|t)(?=_|$|\d)|teacher", re.IGNORECASE)
LOGITS = re.compile(r"(^|_)logits?(_|$)")
OTHERWISE = re.compile(r"prob|log_?soft|logp", re.IGNORECASE)
"""Names that speak of logits, and of what was made of them: they tell nothing."""
STUDENT = re.compile(r"(^|_)(student|stu|std|s)(?=_|$|\d)|student", re.IGNORECASE)
KEEPS = {
    *("view", "reshape", "contiguous", "detach", "float", "to", "double", "half", "type", "clone", "cuda", "cpu"),
    *("transpose", "permute", "flatten", "squeeze", "unsqueeze", "masked_select", "expand", "expand_as", "clamp"),
    *("clamp_min", "clip", "type_as", "index_select"),
}
"""Methods that change neither what rows are nor whose: their form alone."""

MODES = {"train", "eval", "requires_grad_"}
"""Methods of a module that give it back."""


def kind(code: Code, of: ast.expr | None, deep: int = 0) -> Kind:
    """Return what an expression is, UNKNOWN where not every way to it tells the same."""
    if of is None or deep > DEEP:
        return Kind.UNKNOWN
    if isinstance(of, ast.Name):
        return _same({kind(code, value, deep + 1) for value in code.values(of)})
    if isinstance(of, ast.Attribute):
        values = code.attribute(of)
        return _same({kind(code, value, deep + 1) for value in values}) if values else Kind.UNKNOWN
    if isinstance(of, (ast.Subscript, ast.NamedExpr)):
        return kind(code, of.value, deep + 1)
    if isinstance(of, ast.IfExp):
        return _same({kind(code, of.body, deep + 1), kind(code, of.orelse, deep + 1)})
    if isinstance(of, ast.BinOp) and isinstance(of.op, (ast.Add, ast.Sub)) and isinstance(of.right, ast.Constant):
        # a small number against the logarithm of 0
        inner = kind(code, of.left, deep + 1)
        return inner if inner is Kind.PROBS else Kind.UNKNOWN
    return _of_call(code, of, deep) if isinstance(of, ast.Call) else Kind.UNKNOWN


def is_logits(code: Code, of: ast.expr | None, deep: int = 0) -> bool:
    """Return whether rows are logits by the name that they came under, divided or cut at most since."""
    if of is None or deep > DEEP:
        return False
    if isinstance(of, ast.BinOp):
        return isinstance(of.op, ast.Div) and is_logits(code, of.left, deep + 1)
    if isinstance(of, ast.Subscript):
        return is_logits(code, of.value, deep + 1)
    if isinstance(of, ast.Call):
        named = isinstance(of.func, ast.Attribute) and of.func.attr in KEEPS
        return named and isinstance(of.func, ast.Attribute) and is_logits(code, of.func.value, deep + 1)
    if isinstance(of, ast.Attribute):
        # those of a distribution of PyTorch are logarithms of probabilities
        return _says_logits(of.attr) and not code.attribute(of) and "Categorical" not in code.text
    if isinstance(of, ast.Name):
        values = code.values(of)
        if values == [None]:
            return _says_logits(of.id)
        return all(is_logits(code, value, deep + 1) for value in values)
    return False


def _says_logits(name: str) -> bool:
    return LOGITS.search(name) is not None and OTHERWISE.search(name) is None


def _same(kinds: set[Kind]) -> Kind:
    return kinds.pop() if len(kinds) == 1 else Kind.UNKNOWN


def _of_call(code: Code, of: ast.Call, deep: int) -> Kind:
    name = called(code, of).name
    last = name.rpartition(".")[2]
    if last in ("log_softmax", "LogSoftmax", "softmax", "Softmax"):
        log = last in ("log_softmax", "LogSoftmax")
        return Kind.UNKNOWN if not of_torch(code, of, name) else Kind.LOG_PROBS if log else Kind.PROBS
    base = of.func.value if isinstance(of.func, ast.Attribute) else None
    on = of.args[0] if of.args and name.startswith("torch.") else base
    if last == "log":
        return Kind.LOG_PROBS if kind(code, on, deep + 1) is Kind.PROBS else Kind.UNKNOWN
    if last == "exp":
        return Kind.PROBS if kind(code, on, deep + 1) is Kind.LOG_PROBS else Kind.UNKNOWN
    if last in KEEPS:
        return kind(code, on, deep + 1)
    own = code.own(of.func) if isinstance(of.func, ast.Name) else None
    own = code.method(of.func) if isinstance(of.func, ast.Attribute) else own
    function = own or _forward(code, of)
    if function is None:
        return _of_last(code, of, deep)
    returns = [one for one in ast.walk(function) if isinstance(one, ast.Return)]
    return _same({kind(code, one.value, deep + 1) for one in returns}) if returns else Kind.UNKNOWN


def _of_last(code: Code, call: ast.Call, deep: int) -> Kind:
    """Return what a ``Sequential`` gives: what its last module does."""
    made = called(code, call)
    built = made.settings
    if made.name != "torch.nn.Sequential" or built is None or built is call or not built.args:
        return Kind.UNKNOWN
    last = ast.copy_location(ast.Call(built.args[-1], call.args, []), call)
    return _of_call(code, last, deep + 1)


def of_torch(code: Code, call: ast.Call, name: str) -> bool:
    """Return whether a softmax is PyTorch's: by its whole name, a tensor's method, or of a file that does not say."""
    if name.startswith("torch."):
        return True
    if isinstance(call.func, ast.Name):
        return call.func.id not in code.bound
    if not isinstance(call.func, ast.Attribute):
        return False
    base: ast.expr = call.func.value
    root = base
    while isinstance(root, ast.Attribute):
        root = root.value
    if isinstance(root, ast.Name) and (root.id in code.aliases or (base is root and root.id in {"self", "cls"})):
        return False
    return any(one.arg in {"dim", "axis"} for one in call.keywords) or any(map(_is_dimension, call.args[:1]))


def _is_dimension(of: ast.expr) -> bool:
    """Return whether an argument is a dimension, and no tensor."""
    of = of.operand if isinstance(of, ast.UnaryOp) else of
    return isinstance(of, ast.Constant) or (isinstance(of, ast.Name) and of.id in {"dim", "axis"})


def _forward(code: Code, call: ast.Call) -> ast.FunctionDef | None:
    """Return the ``forward`` of a class of the file, where what is called is one module made of it."""
    values = makers(code, call.func)
    made = values[0] if len(values) == 1 else None
    while isinstance(made, ast.Call) and isinstance(made.func, ast.Attribute) and made.func.attr in {*KEEPS, *MODES}:
        made = made.func.value
    if not (isinstance(made, ast.Call) and isinstance(made.func, ast.Name)):
        return None
    for one in code.all(ast.ClassDef):
        if one.name == made.func.id:
            return next((own for own in one.body if isinstance(own, ast.FunctionDef) and own.name == "forward"), None)
    return None


def whose(code: Code, of: ast.expr | None, deep: int = 0) -> Whose:
    """Return whose rows an expression holds, by the names on the way to it; UNKNOWN where none or both say."""
    if of is None or deep > DEEP:
        return Whose.UNKNOWN
    if isinstance(of, (ast.Name, ast.Attribute)):
        said = by_name(of.id if isinstance(of, ast.Name) else of.attr)
        if said is not Whose.UNKNOWN:
            return said
        if isinstance(of, ast.Attribute):
            return whose(code, of.value, deep + 1)
        found = {whose(code, value, deep + 1) for value in code.values(of)}
    elif isinstance(of, ast.Call):
        inner = [of.func.value] if isinstance(of.func, ast.Attribute) else []
        named = [of.func] if isinstance(of.func, ast.Name) else []
        found = {whose(code, one, deep + 1) for one in (*inner, *named, *of.args)} - {Whose.UNKNOWN}
    elif isinstance(of, ast.Subscript):
        return whose(code, of.value, deep + 1)
    elif isinstance(of, ast.BinOp) and isinstance(of.op, ast.Div):
        return whose(code, of.left, deep + 1)  # a temperature T is no teacher
    else:
        parts = [one for one in ast.iter_child_nodes(of) if isinstance(one, ast.expr)]
        found = {whose(code, one, deep + 1) for one in parts} - {Whose.UNKNOWN}
    return found.pop() if len(found) == 1 else Whose.UNKNOWN


def by_name(name: str) -> Whose:
    """Return whose a name says it is."""
    teacher, student = bool(TEACHER.search(name)), bool(STUDENT.search(name))
    if teacher == student:
        return Whose.UNKNOWN
    return Whose.TEACHER if teacher else Whose.STUDENT
