"""Steps that leave their loss to their caller, and trainers that their program gives more: judged end to end."""

from pathlib import Path

import pytest
import strange

from sad.verdict import Standing

FILE = Path(__file__).parent / "lossy_steps.py"


def test_a_module_of_lightning_is_asked_for_its_loss():
    what, said = strange.assumed(FILE, "Distils", "step")
    assert what == "a step that is called for an optimizer step"
    assert any("it returns a loss" in one for one in said)
    only = ("can_be_called", "text_length", "teacher_isolation")
    _, lines = strange.judged(FILE, "Distils", "step", only)
    assert [lines[one].standing for one in only] == [Standing.HOLDS] * 3, lines


def test_a_module_that_holds_both_is_judged_by_its_loss():
    _, lines = strange.judged(FILE, "BothOfTexts", "step", ("can_be_called", "text_length"))
    assert lines["can_be_called"].standing is Standing.HOLDS
    assert lines["text_length"].standing is Standing.BROKEN
    assert "`batchmean`" in lines["text_length"].says


@pytest.mark.parametrize("name", ["Told", "Configured"])
def test_a_trainer_gets_what_its_program_would_give_it(name):
    _, lines = strange.judged(FILE, name, "step", ("can_be_called",))
    assert lines["can_be_called"].standing is Standing.HOLDS, lines


def test_an_error_about_something_unknown_is_no_fault():
    _, assumed = strange.assumed(FILE, "needs_more", "step")
    assert "alone, since what args.per_device_size should be" in assumed[0]
