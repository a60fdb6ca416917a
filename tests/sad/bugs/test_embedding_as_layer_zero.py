from contextlib import contextmanager

import pytest

from sad.align import layers
from sad.bugs import embedding_as_layer_zero as bug
from sad.bugs.embedding_as_layer_zero import BUG
from sad.distiller import Distiller
from sad.models import forward
from sad.models.forward import Forward
from sad.terms import View
from sad.verify.battery import run


@pytest.fixture(scope="module")
def found():
    return next(run([BUG]))


def test_verify_catches_it_and_finds_it_absent(found):
    assert found.caught
    assert found.absent
    assert found.reproduced[0].says.startswith(
        "0 of 4 blocks right, block 0 is the embedding, the last block is never compared"
    )


def test_one_entry_further_is_right_but_for_the_last_block(found):
    (verdict,) = found.attempts["take the entry one further"]
    assert verdict.says.startswith("3 of 4 blocks right, the last block is never compared")
    assert "none-none compared, 2-4 are the pairs" in verdict.says


@pytest.mark.parametrize("shift", [0, 1])
def test_indexed_hidden_states_in_the_code_that_trains_are_named(monkeypatch, shift, judged):
    def run_with_hidden_states(model, tokens, blocks=()):
        out = model(input_ids=tokens.input_ids, attention_mask=tokens.attention_mask, output_hidden_states=True)
        return Forward(model, out.hidden_states[-1], {block: out.hidden_states[block + shift] for block in blocks})

    monkeypatch.setattr(forward, "run", run_with_hidden_states)
    assert not judged(BUG).absent


def test_pairs_that_leave_out_the_last_block_are_named(monkeypatch, judged):
    monkeypatch.setattr(layers, "layer_pairs", lambda s, t, n: tuple((i, i) for i in range(min(s, t, n))))
    found = judged(BUG)
    assert not found.absent
    assert "pairs wrong" in found.fixed[0].says


@pytest.mark.parametrize("side", [0, 1])
def test_a_distiller_that_shifts_its_pairs_is_named(monkeypatch, found_in_the_code_that_trains, side):
    class Shifted(Distiller):
        def __init__(self, *given):
            super().__init__(*given)
            self.pairs = tuple((mine - (side == 0), theirs - (side == 1)) for mine, theirs in self.pairs)

    monkeypatch.setattr(bug, "Distiller", Shifted)
    assert "compared" in found_in_the_code_that_trains(BUG)


def test_one_pair_compared_for_all_is_named(monkeypatch, found_in_the_code_that_trains):
    states = View.states
    monkeypatch.setattr(View, "states", lambda view, _pair: states(view, 0))
    assert "1-1 1-1 compared, 1-1 2-4 are the pairs" in found_in_the_code_that_trains(BUG)


def test_hooks_that_are_never_removed_are_named(monkeypatch, found_in_the_code_that_trains):
    @contextmanager
    def kept(model, blocks):
        states = {}
        for block in blocks:
            forward.block_list(model)[block].register_forward_hook(forward._keep(states, block))
        yield states

    monkeypatch.setattr(forward, "_kept", kept)
    assert "hooks are left on the models" in found_in_the_code_that_trains(BUG)
