"""`from sad.invariants import check`, as a test suite of others has it."""

from __future__ import annotations

from pathlib import Path

import pytest

import sad.invariants
from sad.errors import UserError
from sad.invariants import check
from sad.judge.check import judged
from sad.judge.target import load
from sad.subjects.divergence import Contract, Divergence, Kind, Takes

HERE = Path(__file__).parent
RIGHT, FAULTY = HERE / "right_losses.py", HERE / "faulty_losses.py"
FEW = ("known_divergence", "claims", "divergence_gradient", "ignored_rows")


def test_a_right_loss_passes_and_the_report_says_what_it_is():
    assert check(load(f"{RIGHT}:plain"), only=FEW).what == "forward KL"
    assert check(load(f"{RIGHT}:Module")(beta=0.5), only=FEW).what == "generalised JSD"


def test_a_faulty_one_raises_with_the_report():
    with pytest.raises(AssertionError, match=r"neither its name nor its source(.|\n)*shown by: student"):
        check(load(f"{FAULTY}:swapped"), only=FEW)


def test_a_contract_states_the_claim():
    takes = frozenset({Takes.LABELS, Takes.TEMPERATURE})
    check(load(f"{RIGHT}:plain"), contract=Contract(takes=takes), only=FEW)
    with pytest.raises(AssertionError, match="divergence_gradient"):
        check(load(f"{RIGHT}:plain"), contract=Contract(kind=Kind.REVERSE_KL, takes=takes), only=FEW)


def test_a_function_of_a_given_and_a_divergence_are_taken_as_they_are():
    plain = load(f"{RIGHT}:plain")

    def mine(given):
        return plain(given.student_logits, given.teacher_logits, given.labels, given.temperature)

    assert check(mine, only=FEW).what == "forward KL"
    assert not judged(Divergence(Contract(takes=frozenset({Takes.LABELS})), mine), only=FEW).broken


@pytest.mark.parametrize(
    ("code", "says"), [("losses:kd_loss", "its name"), (None, "None"), (3, "an int"), (["a"], "a list")]
)
@pytest.mark.parametrize("kind", ["loss", "collator"])
def test_what_cannot_be_called_is_refused_in_words_of_python(code, says, kind):
    with pytest.raises(UserError, match=rf"give the function itself, not {says}$"):
        check(code, kind=kind)


def test_what_cannot_be_called_by_its_names_is_refused_in_words_of_python():
    def odd(student_logits, teacher_logits, frobnication):
        return frobnication(student_logits, teacher_logits)

    with pytest.raises(UserError, match=r"frobnication.*give check a function of one parameter, given") as error:
        check(odd)
    assert "--adapter" not in str(error.value)
    with pytest.raises(UserError, match=r"objects of dict are not called; give check a function"):
        check(dict)


def test_nothing_else_is_found_by_name():
    with pytest.raises(AttributeError, match="nosuch"):
        sad.invariants.nosuch  # noqa: B018


def test_code_of_another_kind():
    alignments = HERE / "alignments"
    only = ("text_kept", "ids_permuted")
    report = check(load(f"{alignments / 'right_alignments.py'}:groups"), kind="alignment", only=only)
    assert (report.name, report.code) == ("groups", 0)
    assert report.document()["alignment"] == "groups"
    with pytest.raises(AssertionError, match=r"tokens .* are in no group"):
        check(load(f"{alignments / 'faulty_alignments.py'}:loses_the_rest"), kind="alignment", only=only)
    with pytest.raises(UserError, match="kind 'colator': no such kind of code; there are loss, collator"):
        check(load, kind="colator")


def test_a_method_that_is_named_through_its_class():
    steps = load(f"{HERE / 'steps' / 'right_steps.py'}:Distiller")
    assert check(steps.train_step, kind="step", only=("teacher_isolation",)).code == 0

    class Local:
        def train_step(self, batch): ...

    with pytest.raises(UserError, match="its class cannot be found"):
        check(Local.train_step, kind="step")
