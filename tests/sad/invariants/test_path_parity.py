import pytest
import torch

from sad.invariants.path_parity import path_parity
from sad.subjects.divergence import IGNORED, Contract, Divergence, Kind, Takes
from sad.subjects.probe.right import RIGHT, counting, kl, logs
from sad.verdict import Standing

LABELS = Contract(takes=frozenset({Takes.LABELS}))
RIGHT_ONE = RIGHT["mean over tokens"].loss


def test_sizes_are_judged_where_a_formula_is_known():
    assert "in 8 sizes" in path_parity(RIGHT["mean over tokens"]).says
    other = path_parity(Divergence(Contract(Kind.OTHER), lambda given: given.student_logits.square().sum()))
    assert other.standing == Standing.HOLDS
    assert "sizes" not in other.says


@pytest.mark.parametrize(
    ("refusing", "says"),
    [
        (
            lambda given: RIGHT_ONE(given) + 0 * given.student_logits.view(-1).sum(),
            "it refuses tensors that are not con",
        ),
        (lambda given: RIGHT_ONE(given) + 0 * given.labels.sum(), "it refuses a call without labels: AttributeError"),
    ],
)
def test_to_refuse_is_allowed(refusing, says):
    verdict = path_parity(Divergence(LABELS, refusing))
    assert verdict.standing == Standing.ALLOWED
    assert says in verdict.says


def test_what_is_overwritten_is_told():
    def loss(given):
        given.teacher_logits.div_(2.0)
        return RIGHT_ONE(type(given)(given.student_logits, 2.0 * given.teacher_logits, given.labels))

    verdict = path_parity(Divergence(LABELS, loss))
    assert verdict.standing == Standing.ALLOWED
    assert "it overwrites the teacher's logits: nothing else may use them" in verdict.says


class Sent(torch.autograd.Function):
    @staticmethod
    def forward(ctx, student, given):
        with torch.enable_grad():
            leaf = student.detach().requires_grad_()
            value = RIGHT_ONE(type(given)(leaf, given.teacher_logits, given.labels))
            (ctx.slope,) = torch.autograd.grad(value, leaf)
        return value.detach()

    @staticmethod
    def backward(ctx, _):
        # formed in the forward pass, sent back as it is
        return ctx.slope, None


def growing():
    calls = []

    def loss(given):
        calls.append(0)
        return RIGHT_ONE(given) * (1 + 0.01 * len(calls))

    return loss


def buffer_order(given):
    """Reads the memory of a tensor in the order in which it lies there."""
    student = torch.as_strided(given.student_logits, given.student_logits.shape, _strides(given.student_logits.shape))
    return RIGHT_ONE(type(given)(student, given.teacher_logits, given.labels))


def _strides(shape):
    return (shape[1] * shape[2], shape[2], 1)


def without_labels_summed(given):
    log_q, log_p = logs(given)
    if given.labels is None:
        return kl(log_p, log_q).sum() / len(given.student_logits)
    return RIGHT_ONE(given)


def first_token_left_out(given):
    log_q, log_p = logs(given)
    rows = counting(given)
    return kl(log_p[rows][:, 1:], log_q[rows][:, 1:]).sum() / rows.sum().clamp_min(1)


def first_sequence_twice(given):
    return RIGHT_ONE(given) + 0.1 * given.student_logits[0].square().mean()


def last_chunk_dropped(given):
    """Whole chunks of 256 rows, if there is one."""
    flat = [z.flatten(0, 1) for z in (given.student_logits, given.teacher_logits)]
    labels = torch.zeros(len(flat[0])) if given.labels is None else given.labels.flatten()
    most = len(labels) // 256 * 256 or len(labels)
    one = type(given)(flat[0][None, :most], flat[1][None, :most], labels[None, :most])
    return RIGHT_ONE(one)


def one_block(given):
    """Tokens beyond 65,536 are not read."""
    return RIGHT_ONE(type(given)(given.student_logits[..., :65_536], given.teacher_logits[..., :65_536], given.labels))


def early_stop(given):
    """A first chunk of 128 rows without a label ends the loop."""
    if given.labels is not None and bool((given.labels.flatten()[:128] == IGNORED).all()):
        return RIGHT_ONE(given) * 0.0
    return RIGHT_ONE(given)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda given: Sent.apply(given.student_logits, given), "the loss times 3: gradient 0.3333 x else"),
        (growing(), "the same call again: value"),
        (buffer_order, "tensors that are not contiguous: "),
        (without_labels_summed, "without labels, and with a label at every row: value"),
        (first_token_left_out, "the tokens in another order: value"),
        (first_sequence_twice, "the sequences in another order: "),
        (last_chunk_dropped, "4,100 rows over 3 tokens: "),
        (one_block, "2 rows over 70,001 tokens: "),
        (early_stop, "300 rows without labels at the beginning: "),
    ],
)
def test_a_wrong_path_breaks_it(wrong, says):
    verdict = path_parity(Divergence(LABELS, wrong))
    assert verdict.standing == Standing.BROKEN
    assert verdict.says.startswith(says)
    assert verdict.example
