import pytest

from sad import forward
from sad.align import layers
from sad.bugs.embedding_as_layer_zero import BUG
from sad.forward import Forward
from sad.verify import run


def test_verify_catches_it_and_finds_it_absent():
    (found,) = run([BUG])
    assert found.caught
    assert found.absent
    assert found.reproduced[0].says == "0 of 4 blocks right, block 0 is the embedding, the last block is never compared"


def test_one_entry_further_is_right_but_for_the_last_block():
    (verdict,) = next(run([BUG])).attempts["take the entry one further"]
    assert verdict.says == "3 of 4 blocks right, the last block is never compared"


@pytest.mark.parametrize("shift", [0, 1])
def test_indexed_hidden_states_in_the_code_that_trains_are_named(monkeypatch, shift):
    def run_with_hidden_states(model, tokens, blocks=()):
        out = model(input_ids=tokens.input_ids, attention_mask=tokens.attention_mask, output_hidden_states=True)
        return Forward(model, out.hidden_states[-1], {block: out.hidden_states[block + shift] for block in blocks})

    monkeypatch.setattr(forward, "run", run_with_hidden_states)
    assert not next(run([BUG])).absent


def test_pairs_that_leave_out_the_last_block_are_named(monkeypatch):
    monkeypatch.setattr(layers, "layer_pairs", lambda s, t, n: tuple((i, i) for i in range(min(s, t, n))))
    (found,) = run([BUG])
    assert not found.absent
    assert "pairs wrong" in found.fixed[0].says
