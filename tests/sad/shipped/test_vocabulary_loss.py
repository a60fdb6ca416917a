import torch

from sad import tiny
from sad.align import vocab
from sad.invariants.vocabulary import vocabulary
from sad.shipped.vocabulary_loss import vocabulary_loss
from sad.subjects.vocabulary import Heads


def test_it_is_the_divergence_over_tokens_summed_over_places():
    made = tiny.tokenizer(300)
    student, teacher = torch.randn(2, 4, len(made), generator=torch.Generator().manual_seed(0))
    right = torch.nn.functional.kl_div(student.log_softmax(-1), teacher.softmax(-1), reduction="sum")
    torch.testing.assert_close(vocabulary_loss().loss(Heads(student, teacher, made, made)), right)


def test_it_claims_to_compare_two_tokenizers_and_does():
    mine, theirs = tiny.tokenizer(320), tiny.tokenizer(400)
    heads = Heads(torch.zeros(2, len(mine)), torch.randn(2, len(theirs)), mine, theirs)
    assert vocabulary_loss().across
    assert vocabulary_loss().loss(heads).isfinite()


def test_two_calls_give_one_implementation():
    """So that what is found of it can be kept."""
    assert vocabulary_loss() == vocabulary_loss()


def test_a_begin_mark_that_goes_to_one_that_is_not_there_is_named(monkeypatch):
    def either(student, teacher):
        names = ("eos_token_id", "bos_token_id")
        pairs = {getattr(teacher.tokenizer, n): getattr(student.tokenizer, n) for n in reversed(names)}
        return {t: s for t, s in pairs.items() if t is not None or s is not None}

    monkeypatch.setattr(vocab, "_roles", either)
    assert vocabulary(vocabulary_loss()).numbers == {"raised": 1}
