"""What is asked before the properties; `test_session.py` has the rest of it on every loss."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F

from sad.judge.losses import checks
from sad.judge.losses.call import Call
from sad.judge.losses.discover import discover
from sad.judge.losses.found import found
from sad.judge.target import load
from sad.verdict import Standing

HERE = Path(__file__).parents[1]


def of(loss):
    return found(discover(Call(loss), 0), 0)


def kl(student_logits, teacher_logits):
    return F.kl_div(student_logits.log_softmax(-1), teacher_logits.softmax(-1), reduction="none").sum(-1)


def test_a_loss_that_is_another_every_time():
    def loss(student_logits, teacher_logits):
        return kl(student_logits, teacher_logits).mean() * (1 + torch.rand(()))

    verdict = checks.can_be_called(of(loss))
    assert verdict.standing is Standing.BROKEN
    assert "twice gives" in verdict.says


def test_what_pulls_away_from_the_teacher_and_what_is_lower_elsewhere():
    def pulls(student_logits, teacher_logits):
        return (kl(student_logits, teacher_logits) + 0.1 * student_logits[..., 0] ** 2).mean()

    def lower(student_logits, teacher_logits):
        return -kl(student_logits, teacher_logits).pow(2).mean()

    assert "pulls the student away" in checks.known_divergence(of(pulls)).says
    assert "lower at other logits" in checks.known_divergence(of(lower)).says


def test_labels_that_may_be_left_out():
    def other_divisor(student_logits, teacher_logits, labels=None):
        rows = kl(student_logits, teacher_logits)
        return rows.sum() / len(rows) if labels is None else rows[labels != -100].mean()

    def other_thing(student_logits, teacher_logits, labels=None):
        rows = kl(student_logits, teacher_logits)
        return 0.3 * rows.mean() if labels is None else rows[labels != -100].mean()

    assert checks.without_labels(of(load(f"{HERE / 'right_losses.py'}:plain"))).standing is Standing.HOLDS
    assert checks.without_labels(of(other_divisor)).standing is Standing.ALLOWED
    assert checks.without_labels(of(other_thing)).standing is Standing.BROKEN


def test_the_smallest_call_has_the_numbers():
    told = checks.smallest(of(load(f"{HERE / 'faulty_losses.py'}:reverse_kl")))
    assert told.startswith("student [0, 1], teacher [0, 3], one row")
    assert "KL(teacher || student) is" in told


def test_where_labels_are_shifted_none_at_all_is_a_mean_over_other_rows():
    def shifted(student_logits, teacher_logits, labels=None):
        rows = (student_logits.softmax(-1) - teacher_logits.softmax(-1)).abs().cumsum(-1).sum(-1)
        if labels is None:
            return rows.mean()
        some = (labels[:, 1:] != -100).to(rows.dtype)
        return (rows[:, :-1] * some).sum() / some.sum().clamp(min=1)

    verdict = checks.without_labels(of(shifted))
    assert verdict.standing is Standing.ALLOWED
    assert "the last one too" in verdict.says


def test_labels_that_are_changed_in_place_are_told():
    """What masks a batch's labels masks them for whoever reads them next (trl #5461)."""

    def masks(student_logits, teacher_logits, labels):
        labels[:, 0] = -100
        return kl(student_logits, teacher_logits)[labels != -100].sum()

    verdict = checks.inputs_untouched(of(masks))
    assert verdict.standing is Standing.BROKEN
    assert "changes the labels in place" in verdict.says


def test_labels_that_a_mask_changes_in_place_are_told():
    """Where both are 0 and -100 at the same rows nothing is seen (Automodel's MaskedCrossEntropy)."""

    def masks(student_logits, teacher_logits, labels, mask):
        labels.masked_fill_(mask == 0, -100)
        return kl(student_logits, teacher_logits)[labels != -100].sum()

    verdict = checks.inputs_untouched(of(masks))
    assert verdict.standing is Standing.BROKEN
    assert "changes the labels in place" in verdict.says


def test_batchmean_beside_logits_that_are_flattened_for_the_labels():
    """The label loss flattens three axes, the divergence does not (MambaInLlama #11)."""

    def loss(student_logits, teacher_logits, labels):
        log_q, p = student_logits.log_softmax(-1), teacher_logits.softmax(-1)
        hard = F.cross_entropy(student_logits.view(-1, student_logits.size(-1)), labels.view(-1))
        return F.kl_div(log_q, p, reduction="batchmean") + hard

    verdict = checks.divisor(of(loss))
    assert verdict.standing is Standing.BROKEN
    assert "batchmean of [batch, length, vocab]" in verdict.says


def test_a_mask_the_other_way_round_is_broken_where_its_name_leaves_no_doubt():
    def loss(student_logits, teacher_logits, attention_mask):
        rows = kl(student_logits, teacher_logits).masked_fill(attention_mask.bool(), 0.0)
        return rows.sum() / (attention_mask == 0).sum().clamp(min=1)

    def of_any_mask(student_logits, teacher_logits, mask):
        return loss(student_logits, teacher_logits, mask)

    assert "leaves out the rows where attention_mask is 1" in checks.known_divergence(of(loss)).says
    assert checks.known_divergence(of(of_any_mask)).standing is Standing.HOLDS


def test_axis_one_of_logits_with_an_attention_mask_is_the_length():
    def loss(student_logits, teacher_logits, attention_mask):
        log_q, p = F.log_softmax(student_logits, dim=1), F.softmax(teacher_logits, dim=1)
        rows = F.kl_div(log_q, p, reduction="none").sum(-1)
        return (rows * attention_mask).sum() / attention_mask.sum().clamp(min=1)

    assert "axis 1 is the length" in checks.known_divergence(of(loss)).says


def test_a_label_loss_with_weights_of_its_own_is_not_taken_off():
    """Its value does not say what was added: judged as one that is not known, not as a broken one."""

    def loss(student_logits, teacher_logits, labels):
        some = (labels != -100).to(student_logits.dtype)
        hard = F.cross_entropy(student_logits.flatten(0, 1), labels.flatten(), reduction="none").view_as(some)
        sure = teacher_logits.softmax(-1).amax(-1)
        return ((kl(student_logits, teacher_logits) + sure * hard) * some).sum() / some.sum().clamp(min=1)

    it = of(loss)
    assert not it.known
    assert checks.known_divergence(it).standing is Standing.ALLOWED


def test_where_one_row_shows_nothing_the_ordinary_call_is_named():
    def twice(student_logits, teacher_logits, labels):
        some = labels != -100
        return kl(student_logits, teacher_logits)[some].sum() / some.sum() ** 2

    assert checks.known_divergence(of(twice)).example == "random logits [2, 5, 11] in float64, T = 1"
    assert "one row" in checks.known_divergence(of(load(f"{HERE / 'faulty_losses.py'}:probabilities"))).example


def test_a_divergence_whose_rows_are_not_those_of_its_label_loss():
    """The label loss is shifted, the mask of the divergence is not (Soup #682)."""

    def loss(student_logits, teacher_logits, labels, alpha=0.5):
        here, after = labels != -100, labels[..., 1:]
        flat = student_logits[..., :-1, :].flatten(0, 1)
        hard = F.cross_entropy(flat, after.flatten(), reduction="sum") / (after != -100).sum().clamp(min=1)
        soft = (kl(student_logits, teacher_logits) * here).sum() / here.sum().clamp(min=1)
        return alpha * soft + (1 - alpha) * hard

    verdict = checks.known_divergence(of(loss))
    assert verdict.standing is Standing.BROKEN
    assert "the divergence is over the rows of the labels" in verdict.says


class OfTexts:
    """Texts of a language model, [batch, seq_len]."""

    def by_batch(self, student_logits, teacher_logits):
        return F.kl_div(student_logits.log_softmax(-1), teacher_logits.softmax(-1), reduction="batchmean")


class PreferenceDPOTrainer:
    def by_batch(self, student_logits, teacher_logits):
        return F.kl_div(student_logits.log_softmax(-1), teacher_logits.softmax(-1), reduction="batchmean")


def along_two(student_logits, teacher_logits):
    return F.kl_div(F.log_softmax(student_logits, dim=2), F.softmax(teacher_logits, dim=2), reduction="batchmean")


def test_batchmean_is_wrong_where_class_or_axis_say_texts():
    def told(target, owner=None):
        return checks.divisor(found(discover(Call(target, owner), 0), 0)).standing

    assert told(along_two) is Standing.BROKEN
    assert told(OfTexts.by_batch, OfTexts) is Standing.BROKEN
    assert told(PreferenceDPOTrainer.by_batch, PreferenceDPOTrainer) is Standing.BROKEN


def test_a_decorated_loss_gets_its_logits_by_position():
    import functools

    def weighted(loss):
        @functools.wraps(loss)
        def around(pred, target, weight=None, **more):
            return loss(pred, target, **more).mean() if weight is None else weight

        return around

    @weighted
    def soft(pred, soft_label, T):  # noqa: N803
        return kl(pred / T, soft_label / T) * T**2

    assert of(soft).name == "forward KL"
