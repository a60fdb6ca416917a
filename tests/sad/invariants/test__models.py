import pytest
import torch

from sad.invariants._models import VOCABULARY, Table, gpt2, llama, other_ends, other_reading, teacher


@pytest.mark.parametrize("make", [llama, gpt2])
def test_what_stands_before_is_seen_and_shows(make):
    """A random tiny model moves by 7e-4 of its loss; that could be taken for noise."""
    first, second = torch.arange(2, 9), torch.arange(20, 27)
    both = torch.cat([first, second])[None]
    places = torch.arange(7).repeat(2)[None]
    with torch.no_grad():
        alone = make()(input_ids=second[None]).logits.log_softmax(-1)
        behind = make()(input_ids=both, attention_mask=torch.ones_like(both), position_ids=places).logits[:, 7:]
    labels = second[None, 1:, None]
    alone, behind = (-p[:, :-1].gather(-1, labels).mean() for p in (alone, behind.log_softmax(-1)))
    assert alone.dtype == torch.float64
    assert abs(alone - behind) > 0.02 * alone


def test_only_one_of_the_two_knows_positions_by_their_number():
    ids, later = torch.arange(5)[None], torch.arange(3, 8)[None]
    with torch.no_grad():
        apart = {
            make: (make()(input_ids=ids).logits - make()(input_ids=ids, position_ids=later).logits).abs().max()
            for make in (llama, gpt2)
        }
    assert apart[llama] < 1e-4
    assert apart[gpt2] > 0.1


def test_the_teacher_is_another_model_and_frozen():
    ids = torch.arange(5)[None]
    assert not torch.allclose(teacher()(input_ids=ids).logits, llama()(input_ids=ids).logits)
    assert not any(p.requires_grad for p in teacher().parameters())
    assert not teacher().training


def test_the_teacher_reads_two_tokens_for_some_of_one():
    ids = [3, VOCABULARY - 1, 0, 7]
    read = other_reading(ids)
    assert [read[end] for end in other_ends(ids)] == ids
    assert len(read) == 6
    assert max(read) < VOCABULARY


def test_the_gradient_of_a_table_tells_what_is_taught():
    model = Table(torch.zeros(6, 6, dtype=torch.float64))
    out = model(input_ids=torch.tensor([[2, 4, 1]]), labels=torch.tensor([[2, 4, 1]]), attention_mask=None)
    assert out.logits.shape == (1, 3, 6)
    out.loss.backward()
    below = model.rows.weight.grad.amax(1, keepdim=True) - model.rows.weight.grad
    assert (below > 0.1).nonzero().tolist() == [[2, 4], [4, 1]]
    assert model.head.weight.grad is None
    assert model(input_ids=torch.tensor([[0]])).loss is None
