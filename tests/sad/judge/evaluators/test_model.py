"""A model that knows the logits of some texts gives them wherever they stand."""

import torch
import torch.nn.functional as F

from sad.judge.evaluators.model import GARBAGE, Known, Recaller

SHORT, LONG = ((3, 4), (5, 3, 4, 6))
LOGITS = torch.randn(6, 7, generator=torch.Generator().manual_seed(0))


def model():
    return Recaller([Known(SHORT, LOGITS[:2]), Known(LONG, LOGITS[2:])]).eval()


def test_texts_are_found_with_padding_on_either_side_and_without_their_last_token():
    got = model()(torch.tensor([[3, 4, 1, 1, 1], [1, 5, 3, 4, 6]])).logits
    assert torch.equal(got[0, :2], LOGITS[:2])
    assert torch.equal(got[1, 1:], LOGITS[2:])
    assert got[0, 2:, 0].eq(GARBAGE).all()
    assert torch.equal(model()(torch.tensor([[5, 3, 4]])).logits[0], LOGITS[2:5])


def test_its_loss_is_that_of_the_models_of_transformers():
    labels = torch.tensor([[-100, 3, 4, -100]])
    out = model()(torch.tensor([LONG]), labels=labels)
    assert torch.allclose(out.loss, F.cross_entropy(LOGITS[2:4], torch.tensor([3, 4])))
    assert out.loss.isfinite()
    assert model()(torch.tensor([LONG]), labels=torch.full((1, 4), -100))["loss"].isnan()


def test_it_has_dropout_in_training_mode_and_one_weight():
    made = model()
    ids = torch.tensor([LONG])
    assert torch.equal(made(ids).logits, made(ids).logits)
    made.train()
    assert not torch.equal(made(ids).logits, made(ids).logits)
    assert [p.shape for p in made.parameters()] == [torch.Size([])]


def test_what_is_given_second_is_a_mask_or_the_token_after_each():
    made, ids = model(), torch.tensor([LONG])
    for mask in (torch.tensor([[1, 1, 1, 0]]), torch.ones(1, 4, dtype=torch.bool)):
        assert torch.equal(made(ids, mask).logits, made(ids).logits)
    logits, loss = made(ids, torch.tensor([[3, 4, 6, -100]]))
    assert torch.allclose(loss, F.cross_entropy(logits[0, :3], torch.tensor([3, 4, 6])))
    assert made.get_device() == logits.device
