"""Whether a model is a teacher is told by what stands where it is asked for, through functions that return it."""

import sys

import pytest

from sad.judge.whose import whose


def asked(*_):
    return whose(sys._getframe(1), lambda name: "teacher" in name)


def load_teacher():
    return asked("a/model")


def local(path):
    model = asked(path)
    return model.eval()


def pair(first, second):
    one, other = asked(first), asked(second)
    return one, other


def kept(path):
    model = asked(path)
    return [path] if model is None else [model]


class Of:
    @staticmethod
    def eval():
        return Of


TOLD = {
    "a name": ("teacher = asked()", True),
    "a student's": ("student = asked('teacher')", False),
    "nothing": ("model = asked('gpt2')", None),
    "a tuple": ("student, teacher = asked(), None", False),
    "the other of a tuple": ("student, teacher = None, asked()", True),
    "a keyword": ("dict(ref=asked())", True),
    "a key": ("{'student': asked('teacher')}", False),
    "an attribute": ("Of.teacher = asked()", True),
    "a subscript": ("Of.all = {}; Of.all['teacher'] = asked()", True),
    "a path": ("one = asked(Of, path='teacher-7b')", True),
    "both": ("one = asked('teacher', 'student')", None),
    "a function that loads": ("one = load_teacher()", True),
    "whoever calls": ("teacher = local('a')", True),
    "what it is called with": ("one = local('a/teacher')", True),
    "a tuple that is returned": ("student, teacher = pair('a', 'b')", [False, True]),
    "one that is not returned": ("teacher = kept('a')", None),
}


@pytest.mark.parametrize("case", TOLD)
def test_it_is_told(case, tmp_path):
    line, wanted = TOLD[case]
    seen = []

    def asked_here(*_, **__):
        seen.append(whose(sys._getframe(1), lambda name: "teacher" in name))
        return Of

    file = tmp_path / "asks.py"
    file.write_text(f"def asks():\n    {line}\n")
    space = {**globals(), "asked": asked_here, "__name__": "asks"}
    globals_before = asked
    sys.modules[__name__].asked = asked_here
    try:
        exec(compile(file.read_text(), str(file), "exec"), space)
        space["asks"]()
    finally:
        sys.modules[__name__].asked = globals_before
    assert (seen if isinstance(wanted, list) else seen[0]) == wanted


def test_what_is_written_in_no_file_tells_nothing():
    assert eval("asked()") is None
