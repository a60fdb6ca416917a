# ruff: noqa: ARG001
from __future__ import annotations

import pytest

from sad.errors import UserError
from sad.judge.battery import OWN, chosen, judged, names, stated
from sad.judge.interface import Interface
from sad.subjects.divergence import Contract, Divergence
from sad.verdict import Standing


def test_the_properties_of_a_divergence_are_found_with_their_numbers():
    assert set(stated()) >= {"ignored_rows", "divergence_gradient", "finite"}
    assert stated()["ignored_rows"] == "I04"
    assert "text_alignment" not in stated()
    assert names()[: len(OWN)] == OWN


def test_they_are_chosen_by_name_or_number():
    assert chosen(("I04", "known-divergence")) == ("known_divergence", "ignored_rows")
    assert chosen(()) == names()


def test_an_unknown_one_is_told_as_it_was_written_with_what_is_like_it():
    with pytest.raises(UserError, match=r"^--only Ignored-Row: no such property; there are ignored_rows, ") as by_name:
        chosen(("Ignored-Row",))
    assert str(by_name.value).endswith(f" and {len(names()) - 8} more")
    with pytest.raises(UserError, match=r"^--only I999: no such property; there are I09(, I\d\d){7} and 1 more$"):
        chosen(("I999",))
    with pytest.raises(UserError, match=r"^--only i99: no such property; there are I01, I06, I13, I20$"):
        chosen(("i99",), Interface.STEP)


def test_a_loss_that_raises_is_a_verdict():
    def loss(given):
        raise RuntimeError("no")

    verdict = judged("divergence_gradient", Divergence(Contract(), loss))
    assert verdict.standing in (Standing.BROKEN, Standing.NOT_APPLICABLE)
