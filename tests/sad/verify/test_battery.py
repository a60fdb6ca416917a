import json
import sys
from dataclasses import replace

import pytest

from sad.bug import Bug
from sad.bugs import BUGS
from sad.errors import UserError
from sad.verdict import Verdict
from sad.verify import battery
from sad.verify.command import FAILS, HOLDS, STOPPED, Wanted, run_verify

PAGE = "A bug of the test\n\n## Symptom\nNone.\n"


def at_most_one(value):
    return Verdict(value <= 1, f"it is {value}", {"value": value})


def bug(code="V11", name="too-much", **changes):
    given = {"invariants": (at_most_one,), "buggy": lambda: 7, "fixed": lambda: 1, "issue": None, **changes}
    return Bug(code, name, PAGE, **given)


def crash():
    raise ValueError("broken\nin two lines")


@pytest.fixture
def catalogue(monkeypatch):
    """Puts bugs in place of the catalogue."""

    def put(*bugs):
        monkeypatch.setattr(battery, "BUGS", bugs)
        monkeypatch.setattr("sad.catalogue.entries", lambda: bugs)

    return put


def told(capsys, codes=(), **how):
    code = run_verify(Wanted(codes), **how)
    return code, capsys.readouterr().out


def test_a_bug_that_is_caught_and_absent_is_good():
    (found,) = battery.run([bug(attempts={"half": lambda: 2}, variants={"other": lambda: 3})])
    assert found.good
    assert [v.says for judged in found.faulty.values() for v in judged] == ["it is 7", "it is 2", "it is 3"]


@pytest.mark.parametrize(
    ("change", "blind"),
    [
        ({"buggy": lambda: 0}, ["the bug"]),
        ({"attempts": {"half": lambda: 0}}, ["half"]),
        ({"variants": {"other": lambda: 0}}, ["other"]),
        # a reproduction that does not run proves nothing
        ({"buggy": crash}, ["the bug"]),
    ],
)
def test_a_faulty_implementation_that_passes_makes_the_check_blind(change, blind):
    (found,) = battery.run([bug(**change)])
    assert found.blind == blind
    assert not found.caught
    assert found.absent
    assert not found.good


@pytest.mark.parametrize(("fixed", "says"), [(lambda: 9, "it is 9"), (crash, "raised ValueError: broken")])
def test_code_that_breaks_a_property_or_does_not_run_is_sick(fixed, says):
    (found,) = battery.run([bug(fixed=fixed)])
    assert found.caught
    assert not found.absent
    assert found.fixed[0].says == says


def test_what_bugs_share_is_judged_once_in_a_run_and_anew_in_the_next():
    asked = []

    def counted(value):
        if value == 1:
            asked.append(value)
        return at_most_one(value)

    def shipped():
        return 1

    shipped.__module__ = battery.SHIPPED + "thing"
    bugs = [bug(code, fixed=shipped, invariants=(counted,)) for code in ("V11", "V12")]
    assert all(found.absent for found in battery.run(bugs))
    assert len(asked) == 1
    known = {}
    list(battery.run(bugs[:1], known))
    list(battery.run(bugs[1:], known))
    assert len(asked) == 2


def test_one_of_several_properties_is_enough_to_catch_and_all_are_needed_to_pass():
    def never(_):
        return Verdict(True, "fine")

    (found,) = battery.run([bug(invariants=(never, at_most_one))])
    assert found.good
    (found,) = battery.run([bug(invariants=(never, at_most_one), fixed=lambda: 2)])
    assert not found.absent


@pytest.mark.parametrize(
    ("wanted", "codes"),
    [
        ([], [b.code for b in BUGS if b.code.startswith("V1")]),
        (["V104"], ["V104"]),
        (["v104", "V102"], ["V102", "V104"]),
        (["optimizer-never-steps"], ["V104"]),
        (["V10"], [b.code for b in BUGS if b.code.startswith("V10")]),
    ],
)
def test_bugs_are_chosen_by_code_beginning_or_name(wanted, codes):
    assert [b.code for b in battery.choose(wanted)] == codes


@pytest.mark.parametrize(("word", "near"), [("V194", "V104"), ("optimiser-never-steps", "V104"), ("x", "--list")])
def test_an_unknown_code_is_an_error_that_names_what_is_near(word, near):
    with pytest.raises(UserError, match=near) as error:
        battery.choose(["V101", word])
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("word", ["", " "])
def test_an_empty_code_is_an_error(word):
    with pytest.raises(UserError):
        battery.choose([word])


def test_the_whole_catalogue_is_judged_when_asked_for():
    assert battery.choose((), everything=True) == BUGS
    assert len(BUGS) > len(battery.choose(()))


def test_codes_are_sorted_and_used_once():
    codes = [b.code for b in BUGS]
    assert codes == sorted(set(codes))
    assert len({b.name for b in BUGS}) == len(codes)


@pytest.mark.parametrize("one", BUGS, ids=lambda b: b.code)
def test_a_check_that_always_holds_is_called_blind(one, catalogue, capsys):
    catalogue(replace(one, invariants=tuple(lambda _: Verdict(True, "all well") for _ in one.invariants)))
    code, out = told(capsys, [one.code])
    assert code == FAILS
    assert f"✗ {one.code} {one.name}: the check is blind: the bug (all well)" in out
    assert f"see: sad explain {one.code}" in out
    assert "VERIFIED" not in out


def test_the_lines_at_the_end_are_those_of_the_original_check(catalogue, capsys):
    issues = ["Issue #1: Layerwise Loss Normalization", "Issue #2: Sequence Length Alignment"]
    catalogue(bug("V11", "one", issue=issues[0]), bug("V12", "two", issue=issues[1]), bug("V13", "three"))
    code, out = told(capsys)
    assert code == HOLDS
    lines = out.splitlines()
    assert lines[0] == "✓ V11 one  reproduced: it is 7  fixed: it is 1  0.0 s"
    assert lines[3:] == [
        "✓ Issue #1: Layerwise Loss Normalization - VERIFIED",
        "✓ Issue #2: Sequence Length Alignment - VERIFIED",
        "✓ ALL FIXES VERIFIED SUCCESSFULLY!",
    ]


def test_all_is_said_only_when_all_were_judged(catalogue, capsys):
    catalogue(bug("V11", "one", issue="Issue #1: First"), bug("V12", "two"))
    code, out = told(capsys, ["V11"])
    assert code == HOLDS
    assert "✓ Issue #1: First - VERIFIED" in out
    assert "SUCCESSFULLY" not in out


def test_an_issue_with_a_bad_bug_is_not_verified_and_the_others_are(catalogue, capsys):
    catalogue(
        bug("V11", "one", issue="Issue #1: First"),
        bug("V12", "two", issue="Issue #1: First", fixed=lambda: 5),
        bug("V13", "three", issue="Issue #3: Third"),
    )
    code, out = told(capsys)
    assert code == FAILS
    assert "Issue #1" not in out
    assert "✓ Issue #3: Third - VERIFIED" in out
    assert "✗ V12 two: it is in the code that trains: it is 5; see: sad explain V12" in out
    assert "SUCCESSFULLY" not in out


def test_both_faults_of_one_bug_are_told(catalogue, capsys):
    catalogue(bug(buggy=lambda: 0, fixed=lambda: 5))
    _, out = told(capsys)
    assert "✗ V11 too-much: the check is blind: the bug (it is 0)" in out
    assert "✗ V11 too-much: it is in the code that trains: it is 5" in out


def test_documented_fixes_and_other_forms_are_shown_for_chosen_bugs(catalogue, capsys):
    catalogue(bug(attempts={"halved": lambda: 3}, variants={"squared": lambda: 49}))
    assert "halved" not in told(capsys)[1]
    out = told(capsys, ["V11"])[1]
    assert "    documented fix (halved): it is 3\n" in out
    assert "    also as (squared): it is 49\n" in out


def test_bugs_are_shown_as_they_are_judged(catalogue, capsys):
    shown = []

    def look():
        shown.append(capsys.readouterr().out)
        return 7

    catalogue(bug("V11", "one"), bug("V12", "two", buggy=look))
    run_verify(Wanted())
    assert "V11 one" in shown[0]


def test_json_is_strict_and_whole(catalogue, capsys):
    def infinite(value):
        return Verdict(value <= 1, "no number", {"value": float("nan") if value == 7 else float("inf")})

    catalogue(bug(invariants=(infinite,), attempts={"halved": lambda: 3}, issue="Issue #1: First"))
    code, out = told(capsys, as_json=True)
    document = json.loads(out, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert code == HOLDS
    assert document["schema"] == 1
    assert document["status"] == "verified"
    assert document["all"] is True
    (one,) = document["bugs"]
    assert one["code"] == "V11"
    assert one["good"]
    assert one["blame"] == []
    assert one["reproduced"] == [
        {"invariant": "infinite", "holds": False, "says": "no number", "numbers": {"value": "NaN"}}
    ]
    assert one["fixed"][0]["numbers"] == {"value": "Infinity"}
    assert list(one["attempts"]) == ["halved"]


def test_json_of_a_failure_says_what_failed_and_exits_with_1(catalogue, capsys):
    catalogue(bug(fixed=lambda: 5), bug("V12", "two"))
    code, out = told(capsys, ["V11"], as_json=True)
    document = json.loads(out)
    assert code == FAILS
    assert document["status"] == "failed"
    assert document["all"] is False
    assert document["bugs"][0]["blame"] == ["it is in the code that trains: it is 5"]


def test_a_list_judges_nothing(catalogue, capsys):
    catalogue(bug(buggy=lambda: pytest.fail("judged"), fixed=lambda: pytest.fail("judged")))
    code, out = told(capsys, as_list=True)
    assert code == HOLDS
    assert out == "V11  too-much  A bug of the test\n"


def test_an_interrupt_is_no_failed_check(catalogue, capsys):
    def interrupt():
        raise KeyboardInterrupt

    catalogue(bug("V11", "one"), bug("V12", "two", buggy=interrupt))
    code, out = told(capsys)
    assert code == STOPPED
    assert "V11 one" in out
    assert "SUCCESSFULLY" not in out


def test_a_table_fits_a_terminal_of_80_columns(catalogue, capsys, monkeypatch):
    says = "the size of tensor [a] must match [bold]the size[/bold] of tensor b, at every one of its dimensions"
    long = Verdict(False, says)
    catalogue(
        bug("V101", "evaluation-has-other-weights", invariants=(lambda value: long if value > 1 else at_most_one(1),)),
        bug("V102", "sick", fixed=lambda: 5),
    )
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(type(sys.stdout), "isatty", lambda _: True, raising=False)
    _, out = told(capsys)
    plain = _without_codes(out)
    assert all(len(line) <= 80 for line in plain.splitlines())
    assert plain.split("\n")[0].split() == ["bug", "reproduced", "fixed", "time"]
    assert "evaluation-has-" in plain
    assert "other-weights" in plain
    # a text is never read as markup, and no word of it is lost
    words = " ".join(line[25:52] for line in plain.splitlines()).split()
    assert [word for word in says.split() if word not in words] == []
    assert "still there: it is" in plain
    assert "see: sad explain V102" in " ".join(plain.split("\n")[-3:])


def _without_codes(text):
    import re

    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text)
    return "\n".join(line.rsplit("\r", 1)[-1] for line in text.split("\n"))
