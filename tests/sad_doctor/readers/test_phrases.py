import pytest

from sad_doctor.readers import phrases


@pytest.mark.parametrize(
    ("name", "line", "groups"),
    [
        ("BLOCK", "[TRAIN DEBUG] Step 1000, Batch 1000", ("1000",)),
        ("CURRICULUM", "[CURRICULUM] Step 1000 (4.0%): kd=0.700", ("1000", " (4.0%): kd=0.700")),
        ("CURRICULUM", "[CURRICULUM] Step 500, Progress 2.0%", ("500", ", Progress 2.0%")),
        ("TERM", "[KD] Raw: 1.0, Weight: 0.7", ("KD", None, "Raw: 1.0, Weight: 0.7")),
        ("TERM", "[ROUTING] feature_loss: Raw=0.4, Weight=0.0", ("ROUTING", "feature_loss", "Raw=0.4, Weight=0.0")),
        ("TOTAL", "[TOTAL] Loss: 29.0376, Components: 6", ("29.0376",)),
        ("TOTAL", "Total loss (outputs['loss']): 29.0376", ("29.0376",)),
        ("TOTAL", "Total loss: nan", ("nan",)),
        ("BAR_LOSS", "Progress bar loss: 29.0376", ("29.0376",)),
        ("EVAL", "[Eval] loss: 51.7094, ppl: 485165195.41", ("51.7094", "485165195.41")),
        ("EVAL", "[Eval] loss: inf", ("inf", None)),
        ("EVAL_LINE", "Perplexity: 2.05e+12", ("Perplexity", "2.05e+12")),
        ("EARLY_STOP", "[Early Stopping] No improvement for 20 evaluations. Stopping training.", None),
        ("FINISHED", "Training completed!", None),
        ("FINISHED", "TRAINING COMPLETED SUCCESSFULLY!", None),
        ("INTERRUPTED", "Training interrupted by user", None),
        ("FAILED", "Error during training: no", ("no",)),
        ("KILLED", "Killed", ("Killed", None)),
        ("KILLED", "run.sh: line 3: 12345 Killed                  python train.py", ("Killed", None)),
        ("KILLED", "Segmentation fault (core dumped)", ("Segmentation fault (core dumped)", None)),
        (
            "KILLED",
            "slurmstepd: error: *** JOB 7 ON n1 CANCELLED AT 2026-01-01T00:00:00 DUE TO TIME LIMIT ***",
            (None, "*** JOB 7 ON n1 CANCELLED AT 2026-01-01T00:00:00 DUE TO TIME LIMIT ***"),
        ),
        ("EPOCHS", "Starting training for 3 epochs", ("3", None, None)),
        ("EPOCHS", "Epoch 1/3", (None, None, "3")),
        ("SETTING", "Learning Rate: 5e-05", ("Learning Rate", "5e-05")),
    ],
)
def test_the_lines_of_the_failed_runs(name, line, groups):
    found = getattr(phrases, name).match(line)
    assert found is not None
    assert groups is None or found.groups() == groups


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("EVAL", "[Eval] 20/161 (12.4%) - current: 50.1, avg: 51.2"),
        ("EARLY_STOP", "[Early Stopping] 3 of 20"),
        ("FINISHED", "Starting training for 1 epochs"),
        ("EPOCHS", "Epoch 1/3 Metrics:"),
        ("KILLED", "Killed 3 stale workers"),
        ("KILLED", "Aborted batches: 3"),
    ],
)
def test_lines_that_only_look_so(name, line):
    assert getattr(phrases, name).match(line) is None
