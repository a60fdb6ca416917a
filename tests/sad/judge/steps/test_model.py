"""A table that is called like a model, and its batches."""

import pytest
import torch
import torch.nn.functional as F

from sad.judge.own_loaders import ahead
from sad.judge.steps.forms import FORMS, Named
from sad.judge.steps.model import Bare, Bigram, Loader, Next, Told, batch, count

TEXTS = [torch.tensor([1, 2, 3]), torch.tensor([4, 5])]


def test_its_loss_is_a_mean_over_labels_or_over_a_count():
    model, some = Bigram(1), batch(TEXTS)
    out = model(**some)
    read, label = torch.tensor([1, 2, 4]), torch.tensor([2, 3, 5])
    mean = F.cross_entropy(model.rows(read), label)
    assert torch.allclose(out.loss, mean)
    assert torch.allclose(model(**some, num_items_in_batch=6).loss, mean / 2)
    assert out.logits.shape == (2, 3, 7)
    assert model(input_ids=some["input_ids"])["logits"].dtype == torch.float64


def test_padding_has_no_labels():
    some = batch(TEXTS)
    assert some.labels.tolist() == [[1, 2, 3], [4, 5, -100]]
    assert some.attention_mask.tolist() == [[1, 1, 1], [1, 1, 0]]
    assert count(some) == 3
    assert [type(make(some)) for make in FORMS.values()] == [
        type(some),
        tuple,
        type(some),
        *[tuple] * 4,
        Named,
        *[torch.Tensor] * 2,
        *[tuple] * 2,
        Named,
        tuple,
    ]


def test_a_loader_goes_through_its_batches_again_and_looks_after_each():
    looks = []
    loader = Loader([1, 2], lambda: looks.append(1))
    assert list(loader) == list(loader) == [1, 2]
    assert (len(loader), len(looks)) == (2, 4)


def test_what_is_taken_out_of_a_batch_is_there_in_the_next_pass():
    some = batch(TEXTS)
    for again in (Loader([some]), [Next([some])()], ahead([some])):
        for one in again:
            one.pop("labels")[:] = 0
            one["input_ids"] += 1
    assert some.labels.tolist() == [[1, 2, 3], [4, 5, -100]]
    assert some.input_ids.tolist() == [[1, 2, 3], [4, 5, 0]]


def test_a_loader_is_a_dict_of_its_parts_where_it_is_asked_for_them():
    loader = Loader([1, 2])
    loader.other = Loader([3])
    assert (loader["train"], list(loader["dev"])) == (loader, [3])
    assert ("dev" in loader, "pt_train" in loader) == (True, False)
    with pytest.raises(TypeError, match="not subscriptable"):
        loader[0]


def test_a_bare_model_returns_the_logits_of_another():
    model, ids = Bigram(1), torch.tensor([[1, 2, 3]])
    assert torch.equal(Bare(model)(ids, None), model(ids).logits)
    assert len(list(Bare(model).parameters())) == len(list(model.parameters()))
    assert torch.equal(Bare(model)(idx=ids), model(inputs=ids).logits)


def test_batches_are_asked_for_one_by_one():
    looks = []
    following = Next(["a", "b"], lambda: looks.append(1))
    assert [following("train"), following(), following()] == ["a", "b", "a"]
    assert looks == [1, 1]


def test_a_classifier_tells_classes_and_their_loss():
    model, ids = Bigram(1), torch.tensor([[1, 2, 3], [4, 5, 6]])
    out = Told(model)(input_ids=ids, labels=ids[:, 1])
    assert torch.equal(out.logits, model(ids).logits[:, 0])
    assert torch.allclose(out.loss, F.cross_entropy(out.logits, ids[:, 1]))


def test_its_table_is_its_embedding():
    model = Bigram(1)
    assert model.get_input_embeddings() is model.rows


def test_targets_are_the_tokens_after_each():
    model, ids = Bigram(1), torch.tensor([[1, 2, 3], [4, 5, 6]])
    following = torch.tensor([[2, 3, 5], [5, 6, -100]])
    logits, loss = model(ids, following)
    assert torch.allclose(loss, F.cross_entropy(logits.flatten(0, 1), following.flatten()))
    assert torch.equal(loss, model(x=ids, targets=following)[1])
    assert torch.equal(model(ids, torch.ones_like(ids)).logits, logits)
    with pytest.raises(TypeError, match="not those after each"):
        model(ids, ids)


def test_keys_have_other_names():
    some = Named(input_ids=torch.tensor([[1, 2]]), labels=torch.tensor([[2, 3]]))
    assert torch.equal(some["ids"], some["input_ids"])
    assert torch.equal(some["targets"], some["labels"])
    assert not some["token_type_ids"].any()
    with pytest.raises(KeyError):
        some["frobnication"]
