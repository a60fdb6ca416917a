from dataclasses import replace

import pytest
import torch

from sad.head import blocks, products
from sad.head.products import Products
from sad.invariants.states_parity import LONG, WIDE, states_parity
from sad.losses import kd
from sad.shipped.states_loss import states_loss
from sad.subjects.states import Kind


def test_the_code_that_trains_holds_in_more_than_one_block_and_in_pieces():
    verdict = states_parity(states_loss())
    assert verdict.holds
    assert verdict.numbers["judged"] == 50
    size, piece = blocks.MOST_ROWS["cpu"], blocks.PIECE["cpu"]
    assert LONG[0] > size
    assert WIDE[0] * WIDE[1] > piece


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"scale": 1.0}, "a logit scale: value"),
        ({"softcap": None}, "a soft-cap: value"),
        ({"kind": Kind.FORWARD}, "reverse_kl: value"),
        ({"temperature": 1.0}, "at temperature 2: value"),
        ({"top": None}, "the likeliest tokens alone, with labels: value"),
        ({"teacher_bias": None}, "a teacher's bias, scale and soft-cap: value"),
        ({"teacher_scale": 1.0}, "a teacher's bias, scale and soft-cap: value"),
        ({"teacher_softcap": None}, "a teacher's bias, scale and soft-cap: value"),
        ({"shares": (1.0, 0.0)}, "with labels: value"),
    ],
)
def test_what_a_path_leaves_out_is_named(changes, says):
    loss = states_loss()
    verdict = states_parity(lambda given: loss(replace(given, **changes)))
    assert says in verdict.says


def test_a_head_without_its_bias_is_named():
    loss = states_loss()
    assert states_parity(lambda given: loss(replace(given, bias=None))).says.startswith("a bias: value")


def test_a_bias_in_half_precision_that_is_left_so_is_named():
    loss = states_loss()

    def halved(given):
        raised = given.teacher_bias is not None and given.teacher_bias.dtype != torch.float32
        return 1 / 0 if raised else loss(given)

    assert states_parity(halved).says.startswith("the same, in half precision: it raises")


def test_a_block_that_is_not_added_is_named(monkeypatch):
    shipped = Products.add

    def add(self, name, rows, states, gradient):
        if len(rows) == blocks.MOST_ROWS["cpu"]:
            shipped(self, name, rows, states, gradient)

    monkeypatch.setattr(Products, "add", add)
    verdict = states_parity(states_loss())
    assert "gradient to the" in verdict.says


def test_a_piece_that_sees_the_first_rows_of_the_teacher_is_named(monkeypatch):
    shipped = blocks._Loop._compare

    def compare(self, compared, part, mine, raw, *more):
        first = None if raw is None else self.buffers["teacher"][: len(mine)].clone()
        return shipped(self, compared, part, mine, first, *more)

    monkeypatch.setattr(blocks._Loop, "_compare", compare)
    monkeypatch.setattr("sad.shipped.states_loss.SMALL", 0)
    monkeypatch.setattr("sad.invariants.states_parity.LONG", (40, 101))
    assert states_parity(states_loss()).says.startswith("9 places over 70,001 tokens: value")
    monkeypatch.undo()
    monkeypatch.setattr(blocks._Loop, "_compare", compare)
    assert states_parity(states_loss()).says == "as it is: it raises AssertionError: another teacher_entropy"


def test_a_slope_of_the_soft_cap_that_is_forgotten_is_named(monkeypatch):
    monkeypatch.setattr("sad.head.linear.Head.slope", lambda self, _: self.scale)
    assert states_parity(states_loss()).says.startswith("a soft-cap: the gradient to the states is")


def test_a_gradient_without_its_temperature_squared_is_named(monkeypatch):
    shipped = kd.rows

    def rows(student, target, divergence, *more):
        found = shipped(student, target, divergence, *more)
        return found._replace(gradient=found.gradient / divergence.temperature**2)

    monkeypatch.setattr(kd, "rows", rows)
    assert states_parity(states_loss()).says.startswith("at temperature 2: the gradient")


def test_a_loss_that_raises_is_named():
    assert "it raises ZeroDivisionError" in states_parity(lambda _: 1 / 0).says


def test_a_place_where_the_teacher_says_nothing_must_count_for_nothing():
    loss = states_loss()

    def divided(given):
        """The mass of the student's tokens in the denominator, also where there is none."""
        p = torch.softmax(given.teacher_hidden.float() @ given.teacher_weight.float().T, dim=-1)
        nothing = given.index is not None and not (p[:, given.index >= 0].sum(dim=-1) > 0).all()
        return loss(given) * (torch.nan if nothing else 1.0)

    assert states_parity(divided).says.startswith("a teacher that says nothing in one place: value nan")


@pytest.mark.parametrize("kind", [Kind.SKEW, Kind.SKEW_REVERSE])
def test_a_mixture_of_nothing_that_is_taken_for_another_divergence_is_named(kind):
    loss = states_loss()

    def other(given):
        plain = given.kind == kind and not given.mix
        return loss(replace(given, kind=Kind.JSD, mix=0.5) if plain else given)

    assert states_parity(other).says.startswith(f"{kind} with a mixture of 0: value")


def test_a_row_of_a_half_precision_weight_that_is_lost_is_named(monkeypatch):
    shipped = products.tiles

    def lossy(weight, dtype=torch.float32):
        every = list(shipped(weight, dtype))
        return (
            every
            if len(every) == 1
            else [(span, tile.clone().index_fill_(0, torch.tensor(0), 0.0)) for span, tile in every]
        )

    monkeypatch.setattr(products, "tiles", lossy)
    assert states_parity(states_loss()).says.startswith("a head in half precision: it raises AssertionError: another")
