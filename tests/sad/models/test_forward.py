"""Body and head together are the model, for every family whose head we know; blocks are blocks."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from model_families import FAMILIES, model, tokens
from torch import Tensor

from sad import tiny
from sad.batch import Tokens
from sad.errors import UserError
from sad.invariants._models import Table
from sad.models import forward
from sad.models.forward import Forward, before_logits, block_list, block_mask, body, one_stream, run


@pytest.fixture(params=FAMILIES)
def made(request: pytest.FixtureRequest) -> Any:
    return model(request.param)


def test_a_block_is_what_it_hands_on_not_the_embedding_and_not_the_final_norm(made: Any) -> None:
    given = tokens(7)
    seen: list[Tensor] = []
    hooks = [
        block.register_forward_hook(lambda _m, _i, out: seen.append(out[0] if isinstance(out, tuple) else out))
        for block in block_list(made)
    ]
    found = run(made, given, [0, 1, 2])
    for hook in hooks:
        hook.remove()
    entries = made(input_ids=given.input_ids, output_hidden_states=True).hidden_states
    assert sorted(found.blocks) == [0, 1, 2]
    for block in range(3):
        assert torch.equal(found.blocks[block], seen[block])
        assert not torch.allclose(found.blocks[block], entries[block], atol=1e-3)
    for block in range(2):
        torch.testing.assert_close(found.blocks[block], entries[block + 1])
    assert not torch.allclose(found.blocks[2], found.hidden, atol=1e-3)


def test_padding_on_the_right_changes_nothing_before_it(made: Any) -> None:
    alone, padded = run(made, tokens(5), [1]), run(made, tokens(5, 11), [1])
    torch.testing.assert_close(padded.hidden[0, :5], alone.hidden[0], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(padded.blocks[1][0, :5], alone.blocks[1][0], rtol=1e-4, atol=1e-5)


def test_the_gradient_reaches_body_and_head() -> None:
    made = model("llama, untied")
    found = run(made, tokens(6), [2])
    (made.lm_head(found.hidden[0, 5]).sum() + found.blocks[2].sum()).backward()
    assert {name for name, p in made.named_parameters() if p.grad is None} == set()


def test_no_hook_stays_behind() -> None:
    made = model("llama, tied")
    run(made, tokens(4), [0, 2])
    with pytest.raises(IndexError):
        run(made, Tokens(torch.tensor([[1_000]]), torch.ones(1, 1, dtype=torch.int64)), [0])
    assert all(not block._forward_hooks for block in block_list(made))


def test_blocks_that_cannot_be_found_are_an_error() -> None:
    made = model("llama, tied")
    made.config.num_hidden_layers = 5
    with pytest.raises(UserError, match="no list of 5 blocks"):
        run(made, tokens(4), [0])
    # nobody asks for blocks: nobody looks for them
    assert isinstance(run(made, tokens(4)), Forward)


def test_the_body_is_the_model_without_its_head() -> None:
    made: Any = tiny.model(50, layers=1, width=8, seed=0)
    assert body(made) is made.model


def side_by_side(*rows: tuple[int, ...]) -> tuple[Tokens, list[tuple[int, slice, Tokens]]]:
    """Rows of texts of some lengths; and each text: its row, its place there, and itself alone."""
    length = max(map(sum, rows))
    ids, mask, place, text = (torch.zeros(len(rows), length, dtype=torch.int64) for _ in range(4))
    each = []
    for row, of in enumerate(rows):
        start = 0
        for number, size in enumerate(of, 1):
            alone = tokens(size)
            here = slice(start, start + size)
            own = alone.input_ids[0] + 5 * number + row
            ids[row, here], mask[row, here], place[row, here], text[row, here] = own, 1, torch.arange(size), number
            each.append((row, here, Tokens(own[None], alone.attention_mask)))
            start += size
    return Tokens(ids, mask, place, text), each


@pytest.mark.parametrize("way", ["a mask of who sees whom", "positions that begin anew"])
def test_a_text_in_a_row_with_others_is_what_it_is_alone(made: Any, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if way != "a mask of who sees whom":
        if made.config.model_type == "opt":
            pytest.skip("it makes a mask of its own where it gets none: check_packing refuses it")
        monkeypatch.setattr(forward, "MASKED", ())
    together, each = side_by_side((5, 3, 6), (9,), (2, 7))
    found = run(made, together, [1])
    assert found.hidden.shape[:2] == found.blocks[1].shape[:2] == together.input_ids.shape
    for row, here, alone in each:
        own = run(made, alone, [1])
        torch.testing.assert_close(found.hidden[row, here], own.hidden[0], rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(found.blocks[1][row, here], own.blocks[1][0], rtol=1e-4, atol=1e-5)


def test_who_sees_whom() -> None:
    text = torch.tensor([[1, 1, 2, 2, 0, 0]])
    seen = block_mask(text)[0, 0].tolist()
    for i in range(6):
        assert [j for j in range(6) if seen[i][j]] == [j for j in range(i + 1) if text[0, j] == text[0, i]]


def test_a_module_of_the_body_with_a_second_name_is_no_layer_before_the_logits() -> None:
    assert isinstance(before_logits(Table(torch.eye(3))), torch.nn.Identity)


def test_what_else_hangs_at_a_model_is_not_run() -> None:
    student = tiny.pair().student
    student.extra = torch.nn.Linear(16, 1)
    assert isinstance(before_logits(student), torch.nn.Identity)
    student.extra = torch.nn.Linear(16, 16)
    assert before_logits(student) is student.extra


def test_of_several_streams_the_mean_is_taken_wherever_they_stand() -> None:
    streams = torch.arange(2 * 3 * 4 * 5.0).reshape(2, 3, 4, 5)
    mean = streams.mean(2)
    assert torch.equal(one_stream(streams, (2, 3), 5), mean)
    torch.testing.assert_close(one_stream(streams.movedim(2, 0), (2, 3), 5), mean)
    torch.testing.assert_close(one_stream(streams.flatten(2), (2, 3), 5), mean)
    assert one_stream(mean, (2, 3), 5) is mean
