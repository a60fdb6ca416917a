import pytest

from sad.invariants.partition import partition
from sad.subjects.divergence import Contract, Divergence, Reduction, Takes
from sad.subjects.probe.right import RIGHT, counting, kl, logs
from sad.verdict import Standing

TAKES = frozenset({Takes.LABELS, Takes.COUNT})
COUNT = Contract(reduction=Reduction.COUNT, takes=TAKES)


@pytest.mark.parametrize("name", ["sum", "sum over a given count", "chunked"])
def test_parts_add_up(name):
    assert partition(RIGHT[name]).standing == Standing.HOLDS


@pytest.mark.parametrize(
    ("name", "by"), [("mean over tokens", "rows"), ("shifted", "rows"), ("by sequences", "sequences")]
)
def test_a_mean_of_its_own_is_allowed_and_says_what_the_caller_must_do(name, by):
    verdict = partition(RIGHT[name])
    assert verdict.standing == Standing.ALLOWED
    assert verdict.says.endswith(f"must weigh each part by its {by}")


def test_a_nan_over_no_labels_is_anothers_fault():
    mean = Divergence(Contract(takes=frozenset({Takes.LABELS})), lambda given: kl(*reversed(logs(given)))[
        counting(given)
    ].mean())  # fmt: skip
    assert partition(mean).standing == Standing.ALLOWED


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (Divergence(COUNT, RIGHT["mean over tokens"].loss), "in parts of"),
        (Divergence(COUNT, RIGHT["by sequences"].loss), "x "),
        (Divergence(RIGHT["sum"].contract, lambda given: kl(*reversed(logs(given))).mean()), "the parts do not add up"),
        (Divergence(RIGHT["sum"].contract, lambda given: RIGHT["sum"].loss(given) ** 2), "the parts do not add up"),
    ],
)
def test_a_wrong_one_breaks_it(wrong, says):
    verdict = partition(wrong)
    assert verdict.standing == Standing.BROKEN
    assert says in verdict.says
    assert verdict.example
