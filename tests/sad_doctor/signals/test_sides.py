import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sad_doctor import check, names, read, signals
from sad_doctor.example import parse


def test_terms_that_the_log_names_by_itself():
    named = "loss_feat_kd: 2\nconsistency_loss: 1\nwd: 4"
    means = "loss_mean: 5\nepoch_loss: 6\nval_loss: 7\nbest_loss: 8\nloss_batch: 9"
    run = parse(f"steps: 3\ntrain/loss: 5\ntrain/raw/kd: 3\n{named}\n{means}")
    assert set(signals.sides(run)) == {"feat_kd", "consistency"}


@pytest.mark.parametrize(
    ("log", "total"),
    [
        ("train/raw/lm: 9 -> 8", True),
        ("train/raw/kd: 9 -> 8", True),
        ("train/raw/lm: 9 -> 8\ntrain/raw/kd: 1", False),
        ("train/raw/lm: 9 -> 8\nloss_box: 1", False),
        ("train/weighted/lm: 9 -> 8", False),
    ],
)
def test_the_only_term_is_the_total(log, total):
    run = parse(f"steps: 5\n{log}")
    whole = signals.totalled(run)
    assert (names.LOSS in whole.columns) is total
    assert names.LOSS not in run.columns
    assert not total or whole.columns[names.LOSS] is next(iter(run.columns.values()))


def test_a_log_of_the_label_loss_alone_is_judged_by_it(tmp_path):
    log = tmp_path / "run.log"
    log.write_text("".join(f"iteration {i}/5000 | lm loss: 10.8{i % 7} | grad norm: nan |\n" for i in range(1, 40)))
    assert check(read(log)).stories[0].finding.name == "non-finite-gradient"


@pytest.mark.parametrize(
    ("log", "nothing"),
    [
        ("loss_cons: 3e-6 ~ 1e-6", True),
        ("loss_cons: 3e-3 ~ 1e-4", False),
        ("loss_cons: 9e-5 -> 1e-6", False),
        ("aux_loss: 3e-6 ~ 1e-6", False),
        ("loss_cons: 0", False),
    ],
)
def test_next_to_nothing_all_along(log, nothing):
    run = parse(f"steps: 60\ntrain/loss: 3 -> 2\n{log}")
    ((term, column),) = signals.sides(run).items()
    assert signals.negligible(run, term, column, 1e-4) is nothing


@given(st.lists(st.floats(0.5, 2), min_size=15, max_size=40), st.floats(0, 1))
def test_a_clamped_series_is_mostly_zero_at_its_end(values, share):
    value = np.array(values)
    late = len(value) // 3
    zeros = round(share * late)
    value[-late:] = np.where(np.arange(late) < zeros, 0.0, 0.001)
    run = parse(f"steps: {len(value)}\ntrain/loss: " + ", ".join(map(repr, value.tolist())))
    assert (signals.clamped(run.columns[names.LOSS]) is not None) is (zeros / late >= 0.6)


def test_beside_a_total_that_is_never_finite_nothing_is_negligible():
    run = parse("steps: 30\ntrain/loss: nan\ntrain/raw/map: 0.0001")
    assert not signals.negligible(run, "map", run.columns["train/raw/map"], 1e-4)
