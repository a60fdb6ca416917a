import pytest

from sad_doctor.finding import Level
from sad_doctor.rule import TooFew
from sad_doctor.rules.non_finite import RULE


def test_the_series_that_went_first_is_named(judge):
    text = "steps: 4\ntrain/loss: 9, 9, nan, nan\ntrain/weighted/kd: 5\ntrain/weighted/lm: 4, nan, nan, nan"

    (finding,) = judge(RULE, text)
    assert finding.headline == "The term lm becomes NaN at step 2."
    assert finding.first_step == 2
    assert finding.evidence[1] == "The training loss: NaN first at step 3, in 2 of 4 records"
    assert finding.evidence[0] == "The term lm (train/weighted/lm): NaN first at step 2, in 3 of 4 records"


@pytest.mark.parametrize(
    ("value", "spelled"), [("inf", "infinity"), ("-inf", "minus infinity"), ("1.7976931348623157e308", "infinity")]
)
def test_infinity_counts_also_as_a_store_keeps_it(judge, value, spelled):
    (finding,) = judge(RULE, f"steps: 2\ntrain/loss: 9, {value}")

    assert f"becomes {spelled} at step 2" in finding.headline


def test_an_event_alone_counts(judge):
    (finding,) = judge(RULE, "event non_finite @ 12: gradient of lm is not finite\nsteps: 20\ntrain/loss: 9")

    assert finding.first_step == 12
    assert "gradient of lm" in finding.evidence[0]


def test_another_metric_is_a_hint(judge):
    (finding,) = judge(RULE, "steps: 3\ntrain/loss: 9\ngpu/temperature: nan")

    assert finding.level == Level.INFO


def test_a_log_without_a_loss_is_not_judged(judge):
    with pytest.raises(TooFew):
        judge(RULE, "steps: 3\ngpu/temperature: 61")


def test_values_replaced_by_zero_are_left_to_their_rule(judge):
    text = "event non_finite @ 436: lm_loss produced non-finite value (nan); clamping to zero.\nsteps: 9\ntrain/loss: 9"

    assert judge(RULE, text) == []


def blanks(spaces, value="2.9"):
    return ", ".join(value if i % 3 == 2 else spaces for i in range(12))


LOSS = "steps: 12\ntrain/loss: 9 -> 3\n"


@pytest.mark.parametrize(
    ("text", "level"),
    [
        (LOSS + f"eval/loss: {blanks('nan')}", Level.INFO),
        (LOSS + f"eval/loss: {blanks('inf')}", Level.ERROR),
        (LOSS + "eval/loss: nan, nan, nan, 3, 3, 3, 3, 3, 3, 2, 2, 2", Level.INFO),
        (LOSS + "eval/loss: 5, 4, nan, 3, 3, 3, 3, 3, 3, 2, 2, 2", Level.ERROR),
        (LOSS + "eval/loss: 5, 5, 5, 5, 5, nan, nan, nan, nan, nan, nan, nan", Level.ERROR),
        (LOSS + f"train/raw/kd: {blanks('nan')}", Level.INFO),
        (LOSS + "train/raw/lm: 2, nan, nan, nan, 2, nan, nan, 2, nan, nan, nan, 2", Level.ERROR),
        ("steps: 12\ntrain/loss: nan, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4", Level.ERROR),
        (
            f"steps: 12\ntrain/loss: {blanks('4', 'nan')}\neval/loss: {blanks('nan')}\nsteps: 13, 14\ntrain/loss: 4, 4",
            Level.INFO,
        ),
        (
            f"steps: 12\ntrain/loss: {blanks('4', 'nan')}\neval/loss: {blanks('3')}\nsteps: 13, 14\ntrain/loss: 4, 4",
            Level.ERROR,
        ),
        (f"steps: 12\neval/loss: {blanks('nan')}", Level.ERROR),
    ],
    ids=[
        "blanks between evaluations",
        "infinity is no blank",
        "none before the first evaluation",
        "one evaluation",
        "no value comes back",
        "blanks of a term",
        "a term that fails on most batches",
        "the loss itself",
        "evaluations in place of the loss",
        "evaluations beside the loss",
        "no loss to compare with",
    ],
)
def test_nan_in_place_of_what_was_not_measured(judge, text, level):
    assert {finding.level for finding in judge(RULE, text)} == {level}


def test_a_hint_counts_its_records(judge):
    (finding,) = judge(RULE, LOSS + f"eval/loss: {blanks('nan')}\ngpu/memory: nan")

    assert finding.headline == "The evaluation loss is NaN in 8 of 12 records, and 1 more series."


@pytest.mark.parametrize(
    ("beside", "level"),
    [("eval/loss: 800, 700, 5", Level.INFO), ("eval/lm_loss: 800, nan, 5", Level.ERROR), ("a/b: 1", Level.ERROR)],
)
def test_a_perplexity_that_overflows_beside_a_finite_loss(judge, beside, level):
    text = f"steps: 3\ntrain/loss: 9\neval/perplexity: inf, inf, 148\n{beside}"

    assert judge(RULE, text)[0].level == level


def test_one_term_under_several_names_is_named_once(judge):
    text = "steps: 2\n" + "\n".join(f"train/{kind}/lm: 4, nan" for kind in ("raw", "weighted", "unweighted"))

    (finding,) = judge(RULE, text + "\ntrain/loss: 9, nan\nprogress_bar/loss: 9, nan")
    assert finding.headline == (
        "The term lm becomes NaN at step 2, and with it the progress bar's loss and the training loss."
    )
    assert len(set(finding.evidence)) == 5


@pytest.mark.parametrize(
    ("lm", "says"),
    [
        ("4, 4", "The term kd becomes infinity at step 2, and with it the training loss."),
        ("4, nan", "The term kd and the term lm become not finite at step 2, and with them the training loss."),
    ],
)
def test_a_headline_spells_the_value_of_what_it_names(judge, lm, says):
    (finding,) = judge(RULE, f"steps: 2\ntrain/loss: 9, nan\ntrain/raw/kd: 5, inf\ntrain/raw/lm: {lm}")

    assert finding.headline.startswith(says)
