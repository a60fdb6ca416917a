import math

import pytest
import torch
import torch.nn.functional as F

from sad.invariants.vocabulary import vocabulary
from sad.shipped.vocabulary_loss import vocabulary_loss
from sad.subjects.vocabulary import VocabularyLoss


def kl(student, teacher):
    each = F.kl_div(student.log_softmax(-1), teacher.log_softmax(-1), log_target=True, reduction="none")
    # -infinity on both sides is nothing; 0 x infinity is none of the formula's business
    return each.nan_to_num(0.0).sum(-1).mean()


def cut(heads):
    size = len(heads.student_tokenizer)
    return kl(heads.student_logits[:, :size], heads.teacher_logits[:, :size])


def reverse(heads):
    size = len(heads.student_tokenizer)
    return kl(heads.teacher_logits[:, :size], heads.student_logits[:, :size])


def jensen_shannon(heads):
    size = len(heads.student_tokenizer)
    p, q = (of[:, :size].softmax(-1) for of in (heads.teacher_logits, heads.student_logits))
    m = (p + q) / 2
    return ((p * (p / m).log()).sum() + (q * (q / m).log()).sum()) / 2


def total_variation(heads):
    size = len(heads.student_tokenizer)
    p, q = (of[:, :size].softmax(-1) for of in (heads.teacher_logits, heads.student_logits))
    return (p - q).abs().sum()


def masked(heads):
    """Padding rows are ruled out, on a table as large as the larger head."""
    most, size = max(heads.student_logits.shape[1], heads.teacher_logits.shape[1]), len(heads.student_tokenizer)
    both = [F.pad(of, (0, most - of.shape[1])) for of in (heads.student_logits, heads.teacher_logits)]
    log_q, log_p = (of.masked_fill(torch.arange(most) >= size, -torch.inf).log_softmax(-1) for of in both)
    return torch.where(log_p.exp() > 0, log_p.exp() * (log_p - log_q), 0.0).nan_to_num(0.0).sum()


def by_string(heads):
    mine, theirs = heads.student_tokenizer.get_vocab(), heads.teacher_tokenizer.get_vocab()
    pairs = sorted((i, theirs[token]) for token, i in mine.items() if token in theirs)
    student, teacher = torch.tensor(pairs).T
    return kl(heads.student_logits[:, student], heads.teacher_logits[:, teacher])


RIGHT = {
    "cut": VocabularyLoss(cut),
    "reverse": VocabularyLoss(reverse),
    "jensen-shannon": VocabularyLoss(jensen_shannon),
    "total variation": VocabularyLoss(total_variation),
    "by string": VocabularyLoss(by_string, across=True),
}


@pytest.mark.parametrize("name", RIGHT)
def test_right_implementations_hold(name):
    verdict = vocabulary(RIGHT[name])
    assert verdict.holds, verdict.says
    assert verdict.numbers["off"] < 1e-6


def test_the_code_that_trains_holds_across_tokenizers():
    verdict = vocabulary(vocabulary_loss())
    assert verdict.holds, verdict.says
    assert "ids permuted" in verdict.says


def to_the_larger(fill):
    def loss(heads):
        most = max(heads.student_logits.shape[1], heads.teacher_logits.shape[1])
        return kl(
            *(F.pad(of, (0, most - of.shape[1]), value=fill) for of in (heads.student_logits, heads.teacher_logits))
        )

    return loss


def to_the_teachers_tokenizer(heads):
    """Right with one tokenizer; where the teacher's is longer, the student's rows there stand for nothing."""
    size = len(heads.teacher_tokenizer)
    both = [F.pad(of, (0, max(0, size - of.shape[1])))[:, :size] for of in (heads.student_logits, heads.teacher_logits)]
    return kl(*both)


def leaks(heads):
    """The right value; the padding rows get a gradient."""
    beyond = heads.student_logits[:, len(heads.student_tokenizer) :].clamp(-50, 50).sum()
    return cut(heads) + (beyond - beyond.detach())


def top_of_all_rows(heads):
    """The teacher's first 50 rows, whatever they stand for."""
    most = min(heads.student_logits.shape[1], heads.teacher_logits.shape[1])
    top = heads.teacher_logits[:, :most].topk(50, dim=-1).indices
    return kl(heads.student_logits[:, :most].gather(1, top), heads.teacher_logits[:, :most].gather(1, top))


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (VocabularyLoss(to_the_larger(0.0)), "two models have a loss"),
        (VocabularyLoss(to_the_larger(-1e4)), "two models have a loss"),
        (VocabularyLoss(leaks), "the gradient is off by"),
        (VocabularyLoss(top_of_all_rows), "two models have a loss"),
        (VocabularyLoss(cut, across=True), "ids permuted"),
        (VocabularyLoss(to_the_teachers_tokenizer, across=True), "three tokens more"),
        (VocabularyLoss(by_string, across=True, spelled=True), "spelled otherwise: spaces that the normaliser marks"),
        (VocabularyLoss(lambda heads: cut(heads) * 0), "two models that differ have a loss of 0"),
        (VocabularyLoss(lambda heads: cut(heads) * math.nan), "two models that differ have a loss of nan"),
        (VocabularyLoss(lambda heads: cut(heads) + 1), "equal models have a loss of 1"),
        (VocabularyLoss(lambda heads: kl(heads.student_logits, heads.teacher_logits)), "The size of tensor a (364)"),
        (VocabularyLoss(lambda _: None), "has no attribute"),
    ],
)
def test_wrong_ones_break_it(wrong, says):
    verdict = vocabulary(wrong)
    assert not verdict.holds
    assert says in verdict.says
