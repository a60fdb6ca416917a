from dataclasses import replace

import pytest
import torch.nn.functional as F

from sad.invariants.arguments_have_effect import arguments_have_effect
from sad.subjects.divergence import Contract, Divergence, Kind, Reduction, Takes
from sad.subjects.probe.right import RIGHT, counting
from sad.verdict import Standing

ALL = frozenset(Takes)
JSD = Contract(Kind.JSD, Reduction.MEAN, takes=frozenset({Takes.LABELS, Takes.TEMPERATURE, Takes.BETA}))
COUNT = Contract(reduction=Reduction.COUNT, takes=frozenset({Takes.LABELS, Takes.COUNT}))


def test_what_is_in_force_is_said():
    assert arguments_have_effect(RIGHT["generalised JSD"]).says == "in force: beta, labels, temperature"
    verdict = arguments_have_effect(Divergence(Contract(), RIGHT["everywhere"].loss))
    assert verdict.standing == Standing.NOT_APPLICABLE


def hard_loss(given):
    rows = counting(given)
    labels = given.labels.flatten()[rows]
    hard = F.cross_entropy(given.student_logits.flatten(0, 1)[rows], labels, reduction="sum") / rows.sum()
    return RIGHT["mean over tokens"].loss(given) + 0.1 * (hard - hard.detach())


@pytest.mark.parametrize(
    ("contract", "wrong", "says"),
    [
        (JSD, lambda given: RIGHT["generalised JSD"].loss(replace(given, beta=0.5)), "beta has no effect, right is"),
        (
            JSD,
            lambda given: RIGHT["generalised JSD"].loss(replace(given, temperature=1.0)),
            "the temperature has no eff",
        ),
        (
            JSD,
            lambda given: RIGHT["generalised JSD"].loss(replace(given, temperature=0.9)),
            "the temperature has no eff",
        ),
        (
            JSD,
            lambda given: RIGHT["generalised JSD"].loss(replace(given, labels=None)),
            "-100 as a label has no effect",
        ),
        (
            JSD,
            lambda given: RIGHT["generalised JSD"].loss(replace(given, temperature=1.1 * given.temperature)),
            "the temperature: value",
        ),
        (COUNT, RIGHT["mean over tokens"].loss, "the count has no effect"),
        (Contract(takes=frozenset({Takes.LABELS})), hard_loss, "-100 as a label: gradient off by"),
        (JSD, lambda _: 1 / 0, "it raises"),
    ],
)
def test_a_wrong_one_breaks_it(contract, wrong, says):
    verdict = arguments_have_effect(Divergence(contract, wrong))
    assert verdict.standing == Standing.BROKEN
    assert says in verdict.says
    assert verdict.example


def test_ids_of_labels_have_none():
    """A loss that learns the labels too, where every one is the same token, is only seen by exchanging them."""
    contract = Contract(takes=frozenset({Takes.LABELS}))
    verdict = arguments_have_effect(Divergence(contract, hard_loss))
    assert verdict.standing == Standing.BROKEN


def test_without_a_formula_only_an_effect_is_asked_for():
    other = Contract(Kind.OTHER, takes=frozenset({Takes.TEMPERATURE}))
    used = Divergence(other, lambda given: (given.student_logits / given.temperature).square().sum())
    assert arguments_have_effect(used).standing == Standing.HOLDS
    unused = Divergence(other, lambda given: given.student_logits.square().sum())
    assert arguments_have_effect(unused).says == "the temperature has no effect"
