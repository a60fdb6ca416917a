import pytest

from sad.invariants.distinguishes import distinguishes
from sad.shipped.divergence import language_model
from sad.subjects.divergence import Contract, Divergence, Kind, Takes
from sad.subjects.probe.right import RIGHT, counting, kl, logs
from sad.verdict import Standing

CONTRACT = Contract(takes=frozenset({Takes.LABELS}))
RIGHT_ONE = RIGHT["mean over tokens"].loss


@pytest.mark.parametrize("name", ["mean over tokens", "cross-entropy", "generalised JSD", "top-k and a bucket"])
def test_right_ones_hold_and_say_how_far_apart(name):
    verdict = distinguishes(RIGHT[name])
    assert verdict.standing == Standing.HOLDS
    assert verdict.numbers["apart"] > verdict.numbers["equal"] + 0.1


def test_what_reads_no_teacher_is_not_asked():
    assert distinguishes(language_model()).standing == Standing.NOT_APPLICABLE
    assert distinguishes(Divergence(Contract(Kind.OTHER), RIGHT_ONE)).standing == Standing.NOT_APPLICABLE


def of_each(given, change):
    log_q, log_p = logs(given)
    return change(kl(log_p, log_q))[counting(given)].mean()


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda given: 0.0 * RIGHT_ONE(given), "0 for unrelated logits, 0 for equal ones"),
        (lambda given: RIGHT_ONE(given).detach() * 0 + 3.0, "3 for unrelated logits, 3 for equal ones"),
        (lambda given: -RIGHT_ONE(given), "for unrelated logits"),
        (lambda given: (RIGHT_ONE(given) - 0.1).clamp_min(0.0), "exactly 0"),
        (lambda given: of_each(given, lambda each: each.clamp_min(0.05)), "rows get no gradient, at a loss of"),
        (lambda given: of_each(given, lambda each: each.clamp_max(1.0)), "rows get no gradient"),
        (lambda given: RIGHT_ONE(given).detach(), "rows get no gradient"),
        (lambda given: RIGHT_ONE(given) - 0.02, "below what equal logits give"),
        (lambda given: 2 * RIGHT_ONE(given).detach() - RIGHT_ONE(given), "a step against the gradient raises it"),
        (lambda given: RIGHT_ONE(given) * (-RIGHT_ONE(given)).exp(), "as the student goes away"),
        (lambda _: 1 / 0, "it raises"),
    ],
)
def test_a_wrong_one_breaks_it(wrong, says):
    verdict = distinguishes(Divergence(CONTRACT, wrong))
    assert verdict.standing == Standing.BROKEN
    assert says in verdict.says
    assert verdict.example
