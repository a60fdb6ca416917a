from types import SimpleNamespace

import pytest

from sad.align.layers import layer_pairs
from sad.invariants.layer_indexing import layer_indexing
from sad.models import forward
from sad.models.forward import run


def hooked(model, tokens, block):
    return run(model, tokens, [block]).blocks[block]


def last(student, teacher, _wanted):
    return ((student - 1, teacher - 1),)


def right(student, teacher, tokens, _wanted):
    """Both last blocks, whatever is wanted."""
    both = (hooked(model, tokens, depth - 1) for model, depth in ((student, 3), (teacher, 5)))
    return [tuple(state.flatten(0, 1) for state in both)]


def judged(state=hooked, pairs=last, compared=right):
    return layer_indexing(SimpleNamespace(state=state, pairs=pairs, compared=compared))


def test_hooks_and_the_last_pair_hold():
    assert judged().holds


@pytest.mark.parametrize("shift", [0, 1])
def test_hidden_states_by_number_break_it(shift):
    def entry(model, tokens, block):
        out = model(input_ids=tokens.input_ids, attention_mask=tokens.attention_mask, output_hidden_states=True)
        return out.hidden_states[block + shift]

    verdict = judged(state=entry)
    assert not verdict.holds
    assert "the last block is never compared" in verdict.says
    assert ("block 0 is the embedding" in verdict.says) == (shift == 0)


def test_the_same_block_for_all_breaks_it():
    verdict = judged(state=lambda model, tokens, _: hooked(model, tokens, 3))
    assert verdict.says == "1 of 4 blocks right"


def none(*_):
    return ()


def first(*_):
    return ((0, 0),)


def every_student_block(student, teacher, _wanted):
    return tuple((i, i * teacher // student) for i in range(student))


def from_the_embedding(student, teacher, _wanted):
    return ((-1, teacher - 2), (student - 1, teacher - 1))


def falling(student, teacher, wanted):
    return layer_pairs(student, teacher, wanted)[::-1]


@pytest.mark.parametrize("pairs", [none, first, every_student_block, from_the_embedding, falling])
def test_pairs_that_do_not_rise_to_the_last_blocks_break_it(pairs):
    verdict = judged(pairs=pairs)
    assert not verdict.holds
    assert "pairs wrong at" in verdict.says


def nothing(*_):
    return []


def twice(*given):
    return right(*given) * 2


def swapped(student, teacher, tokens, wanted):
    return [(theirs, mine) for mine, theirs in right(student, teacher, tokens, wanted)]


def empty(*given):
    return [(mine[:0], theirs[:0]) for mine, theirs in right(*given)]


@pytest.mark.parametrize(
    ("compared", "says"),
    [
        (nothing, "nothing compared, 2-4 are the pairs"),
        (twice, "2-4 2-4 compared"),
        (swapped, "none-none compared"),
        (empty, "none-none compared"),
    ],
)
def test_other_states_in_the_loss_break_it(compared, says):
    verdict = judged(compared=compared)
    assert not verdict.holds
    assert says in verdict.says


def test_a_loss_at_some_of_the_places_holds():
    def some(*given):
        return [(mine[1:5], theirs[1:5]) for mine, theirs in right(*given)]

    assert judged(compared=some).holds


def test_hooks_that_stay_break_it():
    def staying(student, teacher, tokens, wanted):
        list(student.modules())[-1].register_forward_hook(lambda *_: None)
        return right(student, teacher, tokens, wanted)

    assert judged(compared=staying).says.endswith("2 hooks are left on the models")


@pytest.mark.parametrize(
    ("where", "wrong"),
    [
        ("behind the places", lambda kept: kept[:, :, 0] if kept.dim() == 4 and len(kept) == 2 else None),
        ("before the places", lambda kept: kept[0] if kept.dim() == 4 and len(kept) == 4 else None),
        ("in a row", lambda kept: kept[..., :16] if kept.shape[-1] == 64 else None),
    ],
)
def test_streams_that_are_read_otherwise_break_it(monkeypatch, where, wrong):
    shipped = forward.one_stream

    def one(states, places, width):
        other = wrong(states)
        return shipped(states, places, width) if other is None else other

    monkeypatch.setattr(forward, "one_stream", one)
    assert judged().says == f"of streams {where} the state of block 0 is not the mean"
