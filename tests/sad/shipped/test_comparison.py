import pytest
import torch

from sad.batch import Tokens
from sad.invariants.present_and_sensitive import VOCABULARY
from sad.shipped.comparison import shipped_comparison
from sad.tiny import model, reader


def tokens(lengths):
    ids = torch.arange(2, 2 + len(lengths) * max(lengths)).reshape(len(lengths), -1)
    return Tokens(ids, (torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]).long())


def made(seed):
    return model(reader(VOCABULARY).size, layers=2, width=16, seed=seed, sharpness=8.0)


def test_it_has_every_term_that_compares_two_models():
    comparison = shipped_comparison()
    assert set(comparison.values(made(1), made(2), tokens([8, 5]))) == set(comparison.enabled)


def test_padding_counts_for_nothing():
    """A mean over the labels of both texts is the mean of the texts, weighted by their labels."""
    student, teacher, both = made(1), made(2), tokens([8, 5])
    one, two = (Tokens(both.input_ids[i : i + 1, :n], both.attention_mask[i : i + 1, :n]) for i, n in ((0, 8), (1, 5)))
    whole, first, second = (shipped_comparison().values(student, teacher, some) for some in (both, one, two))
    for name in ("kd", "layerwise"):
        expected = (7 * first[name].item() + 4 * second[name].item()) / 11
        assert whole[name].item() == pytest.approx(expected, rel=1e-5)
