"""Which models may have several texts in a row: proven on the model itself, whatever it is."""

from __future__ import annotations

import pytest
import torch

from sad import tiny
from sad.errors import UserError
from sad.models import forward
from sad.train.packing import check_packing


def model(kind: str = "Llama", **more):
    return tiny.model(64, layers=2, width=16, seed=1, sharpness=8.0, kind=kind, **more)


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("kind", ["Llama", "Qwen3", "GPTNeoX", "OPT"])
def test_models_that_do_not_mind(kind: str, attention: str) -> None:
    more = {"eos_token_id": 0, "bos_token_id": 0} if kind == "GPTNeoX" else {}
    check_packing(model(kind, attn_implementation=attention, **more), "student", 64)


def test_a_row_of_all_texts_told_by_its_positions(monkeypatch: pytest.MonkeyPatch) -> None:
    """The way of flash attention, here with the attention that every machine has."""
    monkeypatch.setattr(forward, "MASKED", ())
    check_packing(model(), "student", 64)


def test_bfloat16_is_allowed_its_rounding() -> None:
    check_packing(model().to(torch.bfloat16), "teacher", 64)


@pytest.mark.parametrize(
    ("kind", "more"),
    [("Bloom", {}), ("Falcon", {"alibi": True}), ("Mamba", {})],
    ids=["ALiBi from the mask", "Falcon's", "a state that goes on"],
)
def test_models_that_cannot_are_refused_in_one_line(kind: str, more: dict[str, bool]) -> None:
    with pytest.raises(UserError, match=r"^the student cannot have several texts in a row: .*train\.packing = false"):
        check_packing(model(kind, **more), "student", 64)


def test_a_window_that_is_shorter_than_a_row_is_refused() -> None:
    made = model("Mistral", sliding_window=32)
    check_packing(made, "teacher", 32)
    with pytest.raises(
        UserError, match=r"the teacher cannot .* its layers see 32 tokens \(sliding_window\), a row has 33"
    ):
        check_packing(made, "teacher", 33)


@pytest.mark.parametrize("fault", ["mask of ones", "positions go on", "no mask by text"])
def test_texts_that_see_each_other_are_found(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    shipped = forward._asked

    def asked(of, tokens):
        right = shipped(of, tokens)
        if tokens.text is None:
            return right
        if fault == "mask of ones":
            return {**right, "attention_mask": tokens.attention_mask}
        if fault == "positions go on":
            through = torch.arange(tokens.input_ids.shape[1]).expand_as(tokens.input_ids)
            return {**right, "position_ids": through}
        length = tokens.input_ids.shape[1]
        causal = torch.ones(length, length, dtype=torch.bool).tril()[None, None]
        return {**right, "attention_mask": causal.expand(len(tokens.input_ids), 1, -1, -1)}

    monkeypatch.setattr(forward, "_asked", asked)
    # a model that knows positions by number: by their distance alone it would not mind where they begin
    made = model("OPT") if fault == "positions go on" else model()
    with pytest.raises(UserError, match="its states change by"):
        check_packing(made, "student", 64)


def test_the_modes_of_the_model_are_left_as_they_were() -> None:
    made = model(attention_dropout=0.5).train()
    made.model.layers[0].eval()
    before = [module.training for module in made.modules()]
    check_packing(made, "student", 64)
    assert [module.training for module in made.modules()] == before
