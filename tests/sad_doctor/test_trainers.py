"""Logs that trainers of others wrote, `fixtures/trainers`: the first cause of a fault, and nothing of a sound run."""

from pathlib import Path

import pytest

from sad_doctor import check, read
from sad_doctor.finding import Level

LOGS = Path(__file__).parents[2] / "fixtures" / "trainers"
SOUND = (
    *("sft_well.log", "sft_resumed.log", "gkd_well.log", "gold_well.log", "trainer_well.log", "trainer_kd_alone.log"),
    *("loop_well.csv", "loop_well.log", "loop_well_tune.log", "loop_kd_comes_in.jsonl"),
    *("reported_boxes_well.log", "reported_timm_well.log"),
)
NAMED = {
    "sft_loss_times_accumulation.log": ("evaluation-objective-differs", "8 times the evaluation's"),
    "sft_optimizer_of_a_copy.log": ("learns-little", "all 6 evaluations are 6.249"),
    "sft_resumed_with_new_weights.log": ("resume-jumps", "at the resume from step 80"),
    "sft_no_labels.log": ("non-finite-hidden", "exactly 0 in all 61 records"),
    "gkd_temperature_of_100.log": ("targets-degenerate", "next to nothing is asked"),
    "trainer_kd_subtracted.log": ("weight-negative", "-0.5"),
    "trainer_kd_over_elements.log": ("term-vanishes", "far too small"),
    "trainer_teacher_of_another_tokenizer.log": ("kd-out-of-step", "not near the text"),
    "loop_kd_summed.csv": ("term-dominates", "The term kd is 98"),
    "loop_padding_learned.log": ("label-loss-too-low", "no text is learned so fast"),
    "loop_evaluation_never_reset.csv": ("totals-differ", "larger than the one before"),
    "sft_evaluates_its_training_texts.log": ("evaluation-seen", "15.9 passes"),
    "sft_bad_shard.log": ("loss-spike", "to 7.742"),
    "sft_logits_scaled.log": ("worse-than-uniform", "is 35.07"),
    "gkd_teacher_of_random_weights.log": ("targets-degenerate", "next to nothing is asked"),
    "gkd_one_new_token.log": ("totals-differ", "from the first record on"),
    "gold_tokenizer_of_the_student.log": ("term-vanishes", "uld never appears"),
    "trainer_kd_subtracted_in_rows_of_its_own.log": ("weight-negative", "all of its terms rise"),
    "trainer_kd_summed_in_a_total_alone.log": ("total-too-high", "begins at 80.95"),
    "trainer_student_for_the_teacher.log": ("kd-stays", "already says what its teacher says"),
    "trainer_temperature_falls.log": ("kd-out-of-step", "not near the text"),
    "loop_training_in_bits.jsonl": ("totals-differ", "1.47 times the evaluation's throughout"),
    "loop_worker_hangs.csv": ("noise-missing", "one and the same batch"),
    "loop_rate_hundredfold.csv": ("learning-rate-odd", "goes up to 0.1865"),
    "loop_perplexity_of_the_total.log": ("perplexity-of-the-total", "exp of the evaluation's total"),
    "reported_rises_after_a_resume.log": ("loss-diverges", "has never fallen"),
    "reported_loss_zero_norm_one.log": ("non-finite-hidden", "exactly 0"),
    "reported_overflows_from_the_start.log": ("weights-frozen", "the learning rate is exactly 0 in 60 of 60 records"),
    "reported_every_step_is_skipped.log": ("non-finite-gradient", "in 40 of 40 records"),
    "reported_one_dimension_wins.log": ("label-loss-too-low", "from 10.9008 at the beginning"),
    "reported_two_kd_terms_are_zero.log": ("term-vanishes", "kd never appears"),
    "reported_top_tokens_are_emptied.log": ("kd-below-its-floor", "below"),
    "reported_cosine_target_is_turned.log": ("term-vanishes", "exactly 0 in most records"),
    "reported_teacher_without_memory.log": ("term-vanishes", "next to nothing beside the loss"),
    "reported_errors_of_words_stand.log": ("measures-part", "is 100 each time"),
    "reported_composer_diverges.log": ("loss-diverges", "stays up"),
}


def test_every_log_is_judged() -> None:
    assert {path.name for path in LOGS.iterdir()} == {*SOUND, *NAMED}


@pytest.mark.parametrize("log", SOUND)
def test_a_sound_run_has_no_warning(log: str) -> None:
    report = check(read(LOGS / log))

    assert [story.finding.headline for story in report.stories if story.finding.level > Level.INFO] == []


@pytest.mark.parametrize("log", NAMED)
def test_a_fault_is_named_first(log: str) -> None:
    first = check(read(LOGS / log)).stories[0].finding
    name, says = NAMED[log]

    assert (first.name, says in first.headline) == (name, True), first.headline
