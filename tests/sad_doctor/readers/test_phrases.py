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


@pytest.mark.parametrize(
    "line",
    [
        "RuntimeError: DataLoader worker (pid 1234) is killed by signal: Bus error. It is possible that",
        "jaxlib.xla_extension.XlaRuntimeError: RESOURCE_EXHAUSTED: Out of memory while trying to allocate 12345 bytes.",
        "RuntimeError: MPS backend out of memory (MPS allocated: 17.9 GB)",
        "torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB",
        "CUDA error: an illegal memory access was encountered",
        "[E1125 10:00:00 ProcessGroupNCCL.cpp:616] [Rank 3] Watchdog caught collective operation timeout: WorkNCCL(..)",
        "E1125 failed (exitcode: -9) local_rank: 0 (pid: 123) of binary: /usr/bin/python",
        "torch.distributed.elastic.multiprocessing.errors.ChildFailedError:",
        "Loss is nan, stopping training",
    ],
)
def test_an_error_without_a_traceback_ends_a_run(line):
    assert phrases.fatal(line) == line


@pytest.mark.parametrize(
    "line",
    [
        "MeanSquaredError: 0.35",
        "RelativeError: nan",
        "Mean Error: 3",
        "step 3 | loss 2 | memory 12.3GiB",
        "Loading the teacher, which needs memory",
        "no Error: all well",
    ],
)
def test_a_word_of_an_error_alone_does_not(line):
    assert phrases.fatal(line) is None
