"""A program is told from a library by the file that it is in."""

import json

from sad.judge.callers import asking, bound, installed, program


def stands_in():
    return asking()


def test_a_program_is_told_from_a_library():
    frame = stands_in()
    assert frame is not None
    assert frame.f_code.co_name == "test_a_program_is_told_from_a_library"
    space = {"stands_in": stands_in}
    exec(compile("found = stands_in()", json.__file__, "exec"), space)
    assert space["found"] is None
    assert installed(json.__file__)
    assert not installed(__file__)


def test_a_function_is_found_wherever_it_was_imported_by_name():
    assert __name__ in [module.__name__ for module in program().modules]
    found = list(bound("json", {"dumps": 1, "no_such_name": 2}))
    assert (json, "dumps", 1) in found
    assert not list(bound("no_such_module", {"dumps": 1}))
