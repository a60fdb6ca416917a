import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sad_doctor import names
from sad_doctor.readers.transcript import Transcript

FRAMES = ["Traceback (most recent call last):", '  File "a.py", line 1, in f']


def told(*lines: str):
    transcript = Transcript()
    for line in lines:
        transcript.line(line)
    return transcript.snapshot()


def bar(step: int, loss: float = 1.0, epoch: int = 0) -> str:
    return f"Epoch {epoch}:   4%|▍ | {step + 1}/100 [07:25<3:00:02, 2.21it/s, loss={loss}, lr=1e-4, step={step}]"


def points(column) -> list[tuple[float, float]]:
    return list(zip(column.step.tolist(), column.value.tolist(), strict=True))


def test_of_a_bar_that_is_redrawn_the_last_counts():
    columns = told(bar(1, 5.0), bar(1, 4.0), bar(2, 3.0)).columns
    assert points(columns[names.LOSS]) == [(1, 4.0), (2, 3.0)]
    assert points(columns[names.LEARNING_RATE]) == [(1, 1e-4), (2, 1e-4)]


def test_a_bar_without_a_step_counts_batches_over_the_epochs():
    lines = [f"Epoch {epoch}:  4%|▍ | {at}/100 [00:01<00:02, 2it/s, loss=1.0]" for epoch in (1, 2) for at in (10, 20)]
    found = told(*lines)
    assert found.columns[names.LOSS].step.tolist() == [10, 20, 110, 120]
    assert found.facts[names.TOTAL_STEPS] == 200


def test_the_printed_total_is_the_loss_and_the_bar_has_a_column_of_its_own():
    found = told(
        bar(99, 30.0), "[TRAIN DEBUG] Step 100, Batch 100", "[TOTAL] Loss: 29.5, Components: 6", bar(100, 31.0)
    )
    assert points(found.columns[names.LOSS]) == [(100, 29.5)]
    assert points(found.columns[names.BAR_LOSS]) == [(99, 30.0), (100, 31.0)]
    assert any(names.BAR_LOSS in note for note in found.notes)


def test_a_block_may_be_torn_by_bars_and_blanks():
    lines = ["[TRAIN DEBUG] Step 100, Batch 100", "=" * 60, "  Raw loss components:", "", "    kd_loss: 2.0", bar(100)]
    lines += ["    lm_loss: nan", "", "  Sum of components: 9.0", "  later: 3.0"]
    columns = told(*lines).columns
    assert points(columns["train/raw/kd"]) == [(100, 2.0)]
    assert np.isnan(columns["train/raw/lm"].value).all()
    assert "train/raw/later" not in columns
    assert not any("sum" in name for name in columns)


def test_text_glued_to_a_bar_is_read():
    found = told(bar(7) + "[Eval] loss: 5.0, ppl: 148.41", bar(8) + bar(9) + "Training completed!")
    assert points(found.columns[names.EVAL_LOSS]) == [(7, 5.0)]
    assert found.columns[names.LOSS].step.tolist() == [7, 8, 9]
    assert found.facts[names.STATUS] == "finished"


def test_the_line_of_a_term_gives_raw_weight_and_weighted():
    found = told("[CURRICULUM] Step 100 (0.4%): kd=0.700, attn=0.000", "[KD] Raw: 39.0, Weight: 0.700, Weighted: 27.3")
    columns = {name: points(column) for name, column in found.columns.items()}
    assert columns == {
        "train/weight/kd": [(100, 0.7)],
        "train/weight/attention": [(100, 0.0)],
        "train/raw/kd": [(100, 39.0)],
        "train/weighted/kd": [(100, 27.3)],
    }


def test_where_the_block_says_raw_too_its_word_stands_and_both_are_kept():
    lines = ["[CURRICULUM] Step 100 (0.4%): kd=0.700", "[KD] Raw: 39.0, Weight: 0.700, Weighted: 27.3"]
    found = told(*lines, "[TRAIN DEBUG] Step 100, Batch 100", "Raw loss components:", "kd_loss: 27.3")
    assert points(found.columns["train/raw/kd"]) == [(100, 27.3)]
    assert points(found.columns[names.UNWEIGHTED + "kd"]) == [(100, 39.0)]
    assert any(names.UNWEIGHTED in note for note in found.notes)


def test_the_other_shape_of_curriculum_and_evaluation():
    lines = [
        "[CURRICULUM] Step 500, Progress 2.0%",
        "  Curriculum weights:",
        "    kd: 0.7000",
        "    feature: 0.0000",
        "=",
    ]
    lines += ["Eval Loss: 8.5", "Perplexity: 4914.77", "Component Losses:", "  kd: 6.0", "  lm: 2.5"]
    columns = told(*lines).columns
    assert points(columns["train/weight/kd"]) == [(500, 0.7)]
    assert points(columns[names.EVAL_LOSS]) == [(500, 8.5)]
    assert points(columns[names.EVAL_PERPLEXITY]) == [(500, 4914.77)]
    assert points(columns["eval/raw/lm"]) == [(500, 2.5)]


def test_the_components_of_an_evaluation_are_its_raw_terms():
    columns = told(bar(20), "[Eval] components: eval_kd: 6.0, lm: 2.5").columns
    assert [points(columns[names.EVAL_RAW + term]) for term in ("kd", "lm")] == [[(20, 6.0)], [(20, 2.5)]]


def test_a_crash_ends_the_run():
    found = told(bar(7), *FRAMES, "ValueError: no", bar(7))
    assert [(event.kind, event.message, event.step) for event in found.events] == [("crash", "ValueError: no", 7)]
    assert found.facts[names.STATUS] == "crashed"


def test_a_process_that_the_system_killed_has_crashed():
    found = told(bar(7), "Killed")
    assert [(event.kind, event.message, event.step) for event in found.events] == [("crash", "Killed", 7)]
    assert found.facts[names.STATUS] == "crashed"


def test_an_error_after_which_the_training_goes_on_was_caught():
    found = told(bar(7), *FRAMES, "ValueError: no", bar(10))
    assert [(event.kind, event.message) for event in found.events] == [("warning", "caught: ValueError: no")]
    assert found.facts[names.STATUS] == "unknown"


@pytest.mark.parametrize(
    "goes_on",
    [
        [bar(10)],
        ["[TRAIN DEBUG] Step 10, Batch 10", "[TOTAL] Loss: 2.0"],
        ["[Eval] loss: 2.0, ppl: 7.39"],
        ["{'loss': 2.0, 'epoch': 1.0}"],
    ],
)
def test_a_traceback_without_its_last_line_does_not_hide_what_follows(goes_on):
    found = told(bar(7), *FRAMES, *goes_on, "[Eval] loss: nan, ppl: nan")
    assert np.isnan(found.columns[names.EVAL_LOSS].last)
    assert found.facts[names.STATUS] == "unknown"
    assert [event.kind for event in found.events] == ["warning"]


def test_a_bar_that_is_drawn_a_last_time_does_not_end_a_traceback():
    found = told(bar(7), *FRAMES, bar(7))
    assert [(e.kind, e.message) for e in found.events] == [("crash", "a traceback without its last line")]


def test_lines_of_a_logger_are_read_behind_their_prefix():
    time = "2024-01-01 10:00:00,123 - INFO - "
    found = told(time + bar(7), time + "[Eval] loss: 5.0, ppl: 148.41", "INFO:root:[TOTAL] Loss: 29.5, Components: 6")
    assert points(found.columns[names.EVAL_LOSS]) == [(7, 5.0)]
    assert points(found.columns[names.LOSS]) == [(7, 29.5)]


def test_an_error_that_is_printed_twice_is_one_crash():
    found = told(bar(7), "Error during training: no", *FRAMES, "ValueError: no", *FRAMES, "ValueError: no")
    assert [(event.kind, event.message) for event in found.events] == [("crash", "ValueError: no")]


def test_an_error_in_the_last_line_without_its_end_counts_but_may_change():
    transcript = Transcript()
    for line in (bar(7), *FRAMES):
        transcript.line(line)
    assert transcript.snapshot("RuntimeError: The size of").events[-1].message == "RuntimeError: The size of"
    assert transcript.snapshot("RuntimeError: The size of").facts[names.STATUS] == "crashed"
    assert [e.message for e in transcript.snapshot().events] == ["a traceback without its last line"]
    transcript.line(bar(10))
    assert [(e.kind, e.message) for e in transcript.snapshot().events] == [
        ("warning", "caught: a traceback without its last line")
    ]


@pytest.mark.parametrize(("last", "status"), [("KeyboardInterrupt", "interrupted"), ("ValueError: no", "crashed")])
def test_an_interrupt_is_no_crash(last, status):
    assert told(bar(7), *FRAMES, last).facts[names.STATUS] == status
    transcript = Transcript()
    for line in FRAMES:
        transcript.line(line)
    assert transcript.snapshot(last).facts[names.STATUS] == status


def test_warnings_are_events_with_their_step():
    found = told(
        bar(435),
        "[Warning] lm_loss produced non-finite value (nan); clamping to zero.",
        "[Warning] Loss 28.41 too high for meaningful perplexity (capped at 20)",
        "[Early Stopping] No improvement for 20 evaluations. Stopping training.",
    )
    assert [(event.kind, event.step) for event in found.events] == [
        (names.EVENT_NON_FINITE, 436),
        (names.EVENT_WARNING, 435),
        (names.EVENT_EARLY_STOP, 435),
    ]
    assert found.facts[names.STATUS] == "finished"


def test_settings_are_facts():
    found = told("Learning Rate: 5e-05", "Gradient Accumulation: 8", "Epochs: 3", bar(1))
    assert found.facts[names.CONFIG] == {"learning_rate": "5e-05", "gradient_accumulation": "8"}
    assert found.facts[names.TOTAL_STEPS] == 300
    assert found.facts["epochs"] == 3


def test_lines_before_the_first_step_count_at_zero():
    found = told("[Eval] loss: 5.0, ppl: 148.41", "[Warning] odd")
    assert points(found.columns[names.EVAL_LOSS]) == [(0, 5.0)]
    assert found.events[0].step is None


lines = st.one_of(
    st.text(max_size=40),
    st.sampled_from(
        [bar(3), bar(5), *FRAMES, "ValueError: a", "Raw loss components:", "kd_loss: 1", "[KD] Raw: 1e999"]
    ),
    st.sampled_from(
        ["[TRAIN DEBUG] Step 9", "[CURRICULUM] Step 9 kd=nan", "[Eval] loss: nan, ppl: inf", bar(4, epoch=1)]
    ),
)


@given(st.lists(lines, max_size=30))
def test_no_lines_break_it(some):
    found = told(*some)
    assert all(np.isfinite(column.step).all() for column in found.columns.values())
    assert found.facts[names.STATUS] in ("unknown", "finished", "interrupted", "crashed")


def test_what_a_name_was_read_as_is_told():
    found = told("Raw loss components:", "routing_feature_loss: 2.0", "kd: 1.0")
    assert "read routing_feature_loss as routing" in found.notes


ALONE = "RuntimeError: DataLoader worker (pid 7) is killed by signal: Bus error."


def test_an_error_without_a_traceback_is_a_crash():
    for line in (ALONE, "[rank3]:[E1125 10:00:00 x.cpp:6] [Rank 3] Watchdog caught collective operation timeout: W"):
        found = told("step 600/2000 | loss: 3.0", line)
        assert found.facts[names.STATUS] == "crashed"
        assert [event.kind for event in found.events] == [names.EVENT_CRASH]
    transcript = Transcript()
    transcript.line("step 600/2000 | loss: 3.0")
    assert transcript.snapshot(ALONE).facts[names.STATUS] == "crashed"


@pytest.mark.parametrize("after", ["step 610/2000 | loss: 3.0", "Training completed in 3:00:01. Saving model"])
@pytest.mark.parametrize("error", [[ALONE], [*FRAMES, "requests.exceptions.ConnectionError: no"]])
def test_what_goes_on_or_is_done_has_outlived_its_errors(after, error):
    found = told("step 600/2000 | loss: 3.0", *error, after)
    assert found.facts[names.STATUS] == ("finished" if after.startswith("T") else "unknown")
    assert [event.kind for event in found.events] == [names.EVENT_WARNING]
    assert found.events[0].message.startswith("caught: ")


def test_a_stop_of_patience_in_plain_words():
    found = told("step 600/2000 | loss: 3.0", "Early stopping at step 600: no improvement for 10 evaluations")
    assert [event.kind for event in found.events] == [names.EVENT_EARLY_STOP]
