import pytest

from sad_doctor.finding import Level
from sad_doctor.rule import TooFew
from sad_doctor.rules.targets_degenerate import RULE

SIZE = "fact vocabulary_size: 49152\nsteps: 50\n"


@pytest.mark.parametrize(("entropy", "says"), [(0.01, "hard labels"), (10.7, "uniform"), (2, None), (9.8, None)])
def test_the_entropy(judge, entropy, says):
    found = judge(RULE, f"{SIZE}train/teacher_entropy: {entropy}")

    assert [says in f.headline for f in found] == ([] if says is None else [True])


def test_a_teacher_that_guesses_or_knows_less_than_the_student(judge):
    (guesses,) = judge(RULE, f"{SIZE}train/teacher_lm_loss: 10.8")
    (knows_less,) = judge(RULE, "steps: 1, 2\nteacher/lm_loss: 5, 5\neval/lm_loss: 3.5, 3.4")

    assert (guesses.level, knows_less.level) == (Level.ERROR, Level.WARNING)


def test_a_total_that_is_next_to_nothing_from_the_first_record_on(judge):
    (finding,) = judge(RULE, "steps: 40\ntrain/loss: 0.0002 -> 0.00004")
    assert "next to nothing is asked" in finding.headline
    assert finding.level.name == "INFO"
    for other in (
        "train/loss: 0.4 -> 0.0001",
        "train/loss: 0.0002\nreward: 1",
        "train/loss: 0.0002\ntrain/raw/kd: 0.0002",
    ):
        with pytest.raises(TooFew):
            judge(RULE, f"steps: 40\n{other}")


def test_a_teacher_guesses_among_its_own_tokens(judge):
    # ln 600 is 6.397, ln 416 is 6.031
    sizes = "fact vocabulary_size: 600\nfact teacher_vocabulary_size: 416\n"
    (held_out,) = judge(RULE, f"{sizes}steps: 1\nteacher/lm_loss: 6.251")
    (compared,) = judge(RULE, f"{sizes}steps: 50\ntrain/teacher_lm_loss: 6 ~ 0.1")
    (entropy,) = judge(RULE, f"{sizes}steps: 50\ntrain/teacher_entropy: 5.95 ~ 0.01")

    assert "as bad as guessing (6.0307 nats)" in held_out.headline
    assert "as bad as guessing (6.0307 nats)" in compared.headline
    assert "of at most 6.0307" in entropy.headline


def test_a_larger_vocabulary_of_the_teacher_costs_more_to_guess_from(judge):
    sizes = "fact vocabulary_size: 416\nfact teacher_vocabulary_size: 600\n"
    assert judge(RULE, f"{sizes}steps: 1\nteacher/lm_loss: 6.1") == []
    assert judge(RULE, f"{sizes}steps: 50\ntrain/teacher_lm_loss: 6.1 ~ 0.1") != []


def test_nats_of_two_vocabularies_are_not_compared(judge):
    # of longer tokens each costs more: per byte this teacher may be the better one
    text = "fact vocabulary_size: 600\n{}steps: 1, 2\nteacher/lm_loss: 5, 5\neval/lm_loss: 3.5, 3.4"
    assert len(judge(RULE, text.format(""))) == 1
    assert judge(RULE, text.format("fact teacher_vocabulary_size: 5000\n")) == []


PAST = "steps: 50\ntrain/raw/kd: 2 -> 1\n{}\nsteps: 0, 50\nteacher/bits_per_byte: 1.939\nteacher/perplexity: 518\n"
PAST += "steps: 0, 25, 49\neval/bits_per_byte: {}\neval/perplexity: 500, 60, 35"


def test_a_student_far_past_its_teacher_is_pulled_back(judge):
    (finding,) = judge(RULE, PAST.format("train/weight/kd: 1", "2.6, 1.4, 1.297"))
    (near,) = judge(RULE, PAST.format("", "2.6, 1.7, 1.65"))

    assert (finding.level, near.level) == (Level.WARNING, Level.INFO)
    assert "1.297 against 1.939 bits per byte" in finding.headline
    assert "Perplexity 35 against 518, each per token of its own" in finding.evidence


@pytest.mark.parametrize(
    ("kd", "scores"),
    [
        ("train/weight/kd: 1", "2.6, 1.9, 1.85"),
        # one evaluation is a chance
        ("train/weight/kd: 1", "2.6, 2.3, 1.3"),
        # it pulls no longer
        ("train/weight/kd: 1 -> 0", "2.6, 1.4, 1.297"),
    ],
)
def test_a_student_beside_its_teacher_is_none_that_is_past_it(judge, kd, scores):
    text = PAST.format(kd, scores)
    if kd.endswith("0"):
        with pytest.raises(TooFew):
            judge(RULE, text)
    else:
        assert judge(RULE, text) == []


def test_without_kd_or_with_nats_of_two_vocabularies_nothing_is_past(judge):
    nats = "fact vocabulary_size: 600\n{}steps: 50\ntrain/{}: 2\n"
    nats += "steps: 0, 25, 49\nteacher/lm_loss: 6\neval/lm_loss: 6, 4, 4"
    (finding,) = judge(RULE, nats.format("", "raw/kd"))
    assert "4 against 6 nats a token" in finding.headline
    assert judge(RULE, nats.format("fact teacher_vocabulary_size: 900\n", "raw/kd")) == []
    assert judge(RULE, nats.format("", "raw/lm")) == []


def test_since_when_the_teacher_does_not_know_the_text(judge):
    later = ", ".join(str(i) for i in range(41, 101))
    text = f"fact vocabulary_size: 256\nsteps: 40\ntrain/teacher_lm_loss: 3.1 ~ 0.1\nsteps: {later}\n"
    (finding,) = judge(RULE, text + "train/teacher_lm_loss: 7.2 ~ 0.1")
    assert "Until step 41 it was 3.0" in finding.headline
    assert finding.first_step == 41
    assert "From that step on" in finding.cause
