"""The driver: events in their order, and what is raised told as a verdict."""

from __future__ import annotations

import pytest

from sad.errors import UserError
from sad.judge import judging
from sad.judge.interface import PROPERTIES, Interface
from sad.judge.judging import Code, Judged, Named
from sad.judge.raising import CannotRunError
from sad.judge.stand_in import NeedsAdapterError
from sad.verdict import Standing, Verdict

NAMES = PROPERTIES[Interface.COLLATOR]


def events(monkeypatch, found, only=(), skip=()):
    import sad.judge.collators.found as place

    monkeypatch.setattr(place, "found", found)
    of = judging.judging(Code(print), "x", interface=Interface.COLLATOR, only=only, skip=skip)
    return list(of)


def raising(error):
    def check(*_):
        raise error

    return check


def test_each_property_begins_and_ends(monkeypatch):
    right = Judged("right", ("so",), dict.fromkeys(NAMES, lambda: Verdict(True, "fine", {"n": 1})))
    found = events(monkeypatch, lambda _: right, only=("I10",), skip=("truncated_alike",))
    assert found[:2] == [{"start": "can_be_called"}, {"what": "right", "assumed": ["so"]}]
    assert found[2] == {"start": "target_alignment"}
    line = found[3]["line"]
    assert (line.id, line.numbers, line.replay) == (
        "I10",
        {"n": 1.0},
        "sad verify --collator x --only target_alignment",
    )
    assert len(found) == 4


@pytest.mark.parametrize(
    ("error", "standing", "word"),
    [
        (ValueError("no"), Standing.BROKEN, "raised ValueError: no"),
        (SystemExit(1), Standing.BROKEN, "would end the program"),
        (NeedsAdapterError("unknown"), Standing.NOT_APPLICABLE, "unknown"),
    ],
)
def test_what_a_property_raises_is_a_verdict(monkeypatch, error, standing, word):
    judged = Judged("", (), dict.fromkeys(NAMES, raising(error)))
    line = events(monkeypatch, lambda _: judged, only=("tokens_kept",))[-1]["line"]
    assert line.standing is standing
    assert word in line.says


@pytest.mark.parametrize("error", [CannotRunError("raised it"), ZeroDivisionError("it"), SystemExit("it")])
def test_what_finding_raises_is_a_verdict(monkeypatch, error):
    (_, event) = events(monkeypatch, raising(error))
    assert event["line"].name == "can_be_called"
    assert event["line"].standing is Standing.BROKEN
    with pytest.raises(UserError):
        events(monkeypatch, raising(UserError("one line")))


def test_an_adapter_without_its_function_is_told(tmp_path):
    (tmp_path / "a.py").write_text("x = 1\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"define evaluate\(given\)"):
        Named(Interface.EVALUATOR, None, str(tmp_path / "a.py")).code()


def test_what_is_not_called_cannot_be_judged():
    with pytest.raises(UserError, match="x is an int: give a function"):
        list(judging.judging(Code(3), "x", interface=Interface.COLLATOR))


def test_a_placeholder_stands_for_what_an_evaluator_does_not_have(tmp_path):
    file = tmp_path / "bars.py"
    file.write_text("import nosuch_bars\nevaluate = lambda model, batches: 1.0\n")
    named, stood = Named(Interface.EVALUATOR, f"{file}:evaluate"), []
    with pytest.raises(UserError, match="needs the module nosuch_bars"):
        named.code()
    assert named.code(stood).target(None, None) == 1.0
    assert stood == ["nosuch_bars"]


def test_a_name_that_all_names_of_a_module_may_hold_is_no_fault(tmp_path):
    file = tmp_path / "stars.py"
    file.write_text("from nosuch_helpers import *\ndef evaluate(model, batches):\n    return helper(model, batches)\n")
    with pytest.raises(UserError, match="it reads helper, which it may have from a module"):
        list(judging.judging(Named(Interface.EVALUATOR, f"{file}:evaluate"), "x"))
    other = tmp_path / "no_stars.py"
    other.write_text("def evaluate(model, batches):\n    return helper(model, batches)\n")
    line = list(judging.judging(Named(Interface.EVALUATOR, f"{other}:evaluate"), "x"))[-1]["line"]
    assert line.standing is Standing.BROKEN
    assert "name 'helper' is not defined" in line.says


def test_what_a_tokenizer_does_not_have_is_no_fault(monkeypatch):
    error = AttributeError("TokenizersBackend has no attribute kind")
    with pytest.raises(UserError, match=r"it asks TokenizersBackend for \.kind"):
        events(monkeypatch, raising(error))
