import pytest
import torch
import torch.nn.functional as F

from sad.invariants.half_precision import half_precision
from sad.subjects.divergence import Contract, Divergence, Kind, Takes
from sad.subjects.probe.right import RIGHT, counting
from sad.verdict import Standing

TAKES = frozenset({Takes.LABELS})


def native(given):
    """All in the dtype of the logits, as many losses are written."""
    rows = counting(given)
    student, teacher = (z.flatten(0, 1)[rows] for z in (given.student_logits, given.teacher_logits))
    total = F.kl_div(torch.log_softmax(student, -1), torch.softmax(teacher, -1), reduction="sum")
    return total / max(1, int(rows.sum()))


def test_one_that_goes_to_float32_holds():
    assert half_precision(RIGHT["mean over tokens"]).standing == Standing.HOLDS


def test_one_that_stays_in_half_precision_is_told():
    verdict = half_precision(Divergence(Contract(takes=TAKES), native))
    assert verdict.standing == Standing.ALLOWED
    assert verdict.says.startswith("a student near its teacher, bfloat16: ")
    assert verdict.says.endswith("it computes in half precision; give it float32 logits")
    assert "bfloat16" in verdict.example


def test_it_is_broken_where_all_is_claimed():
    verdict = half_precision(Divergence(Contract(strict=True, takes=TAKES), native))
    assert verdict.standing == Standing.BROKEN


def test_without_a_formula_it_does_not_apply():
    assert half_precision(Divergence(Contract(Kind.OTHER), native)).standing == Standing.NOT_APPLICABLE


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        # a sum over logits in half precision is far off at once
        (
            lambda given: native(given) + 0.5 * (given.student_logits.dtype != torch.float32),
            "unrelated logits, float16",
        ),
        (lambda given: native(given) * (torch.nan if given.student_logits.dtype == torch.float16 else 1), "value nan"),
        (lambda _: 1 / 0, "it raises"),
    ],
)
def test_a_wrong_one_breaks_it(wrong, says):
    verdict = half_precision(Divergence(Contract(takes=TAKES), wrong))
    assert verdict.standing == Standing.BROKEN
    assert says in verdict.says
