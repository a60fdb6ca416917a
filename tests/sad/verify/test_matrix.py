import json

import pytest

from sad import catalogue
from sad.bug import Bug
from sad.verdict import Verdict
from sad.verify import battery
from sad.verify.battery import Outcome
from sad.verify.command import FAILS, HOLDS, Wanted, run_verify
from sad.verify.matrix import lines, matrix

BROKE, HELD = Verdict(False, "broke"), Verdict(True, "held")


def shares_counted(_):
    return HELD


def no_shortcut(_):
    return HELD


def outcome(code, *verdicts, **others):
    bug = Bug(code, f"bug-{code}", "A bug", (shares_counted, no_shortcut), lambda: 1, lambda: 1)
    return Outcome(bug, verdicts, {}, (HELD, HELD), 0.0, variants=others)


def test_a_property_catches_a_bug_where_it_breaks_on_one_of_its_forms():
    found = matrix([outcome("V801", BROKE, HELD), outcome("V802", HELD, HELD, other=(HELD, BROKE))])
    assert found.cells == {
        "V801": {"shares_counted": True, "no_shortcut": False},
        "V802": {"shares_counted": False, "no_shortcut": True},
    }
    assert found.uncaught == []
    assert set(found.idle) == set(catalogue.properties()) - {"shares_counted", "no_shortcut"}


def test_a_bug_on_which_all_hold_and_a_property_that_never_breaks_are_named():
    found = matrix([outcome("V801", BROKE, HELD), outcome("V802", HELD, HELD)])
    assert found.uncaught == ["V802"]
    assert "no_shortcut" in found.idle
    *_, bugs, properties = lines(found, {"V801": "one", "V802": "two"}, whole=True)
    assert bugs == "2 bugs, 1 of them not caught: V802"
    assert properties.startswith(f"{len(catalogue.properties())} properties, ")
    assert "no_shortcut" in properties


@pytest.mark.parametrize(("plain", "signs"), [(True, "x."), (False, "●·")])
def test_each_sign_stands_below_the_number_of_its_property(plain, signs):
    found = matrix([outcome("V801", BROKE, HELD)])
    head, row, *_ = lines(found, {"V801": "one"}, whole=False, plain=plain)
    numbers = catalogue.numbers()
    assert row[head.index(numbers["shares_counted"][1:])] == signs[0]
    assert row[head.index(numbers["no_shortcut"][1:])] == signs[1]
    assert sum(row.count(sign) for sign in signs) == 2


def test_every_property_has_a_number_of_the_catalogue_of_real_bugs():
    assert set(catalogue.numbers()) == set(catalogue.properties())
    assert set(catalogue.numbers().values()) <= {f"I{n:02}" for n in range(1, 21)}


def test_the_command_exits_with_1_where_a_bug_is_not_caught(monkeypatch, capsys):
    blind = Bug("V801", "blind", "A bug", (no_shortcut,), lambda: 1, lambda: 1)
    monkeypatch.setattr(battery, "BUGS", (blind,))
    monkeypatch.setattr("sad.catalogue.entries", lambda: (blind,))
    assert run_verify(Wanted(("V801",)), as_matrix=True) == FAILS
    assert "1 bugs, 1 of them not caught: V801" in capsys.readouterr().out
    assert run_verify(Wanted(("V801",)), as_matrix=True, as_json=True) == FAILS
    assert json.loads(capsys.readouterr().out)["uncaught"] == ["V801"]


def test_the_command_shows_real_bugs(capsys):
    assert run_verify(Wanted(("V109", "V112")), as_matrix=True) == HOLDS
    assert "2 bugs, each caught" in capsys.readouterr().out
