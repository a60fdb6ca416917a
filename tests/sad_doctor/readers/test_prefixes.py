import pytest
from hypothesis import given
from hypothesis import strategies as st

from sad_doctor.readers.prefixes import without_prefix


@pytest.mark.parametrize(
    "prefix",
    [
        "2024-01-01 10:00:00,123 - INFO - ",
        "2024-01-01 10:00:00 WARNING ",
        "2024-01-01 10:00:00 ",
        "2024-01-01 - INFO - ",
        "2024-01-01T10:00:00.123Z ",
        "2024-01-01 10:00:00,123 - root - INFO - ",
        "2024-01-01 10:00:00.123 | INFO     | __main__:main:12 - ",
        "[2024-01-01 10:00:00,123][__main__][INFO] - ",
        "[2024-01-01 10:00:00] ",
        "[2024-01-01 10:00:00,123 INFO] ",
        "[ INFO : 2024-01-01 10:00:00,123 ] - ",
        "01/01/2024 10:00:00 - INFO - __main__ - ",
        "[INFO|trainer.py:1234] 2024-01-01 10:00:00,123 >> ",
        "10:00:00 INFO: ",
        "INFO:root:",
        "INFO - ",
        "I0101 10:00:00.123456 1234 train.py:12] ",
        "INFO 01-01 10:00:00 train.py:12] ",
        "(Worker pid=1234, ip=10.0.0.1) ",
        "[rank0]: ",
        "[rank0]: 2024-01-01 10:00:00 ",
    ],
)
@pytest.mark.parametrize("line", ["[Eval] loss: 5.0, ppl: 148.41", '  File "x", line 1', "Total loss: 5.0"])
def test_the_prefix_is_left_out_and_the_indent_kept(prefix, line):
    assert without_prefix(prefix + line) == line


@pytest.mark.parametrize(
    "line",
    [
        "[Warning] lm_loss produced non-finite value (nan); clamping to zero.",
        "[TOTAL] Loss: 29.0, Components: 6",
        "[TRAIN DEBUG] Step 100, Batch 100",
        "Raw loss components:",
        "Epoch 0:   4%|x | 10/24914 [07:25<3:00:02, 2.21it/s, loss=9.0376]",
        "  kd_loss: 1.0",
        "Error during training: no",
        "",
    ],
)
def test_a_line_without_one_stays(line):
    assert without_prefix(line) == line
    assert without_prefix("2024-01-01 10:00:00 - " + line) == line


@given(st.text(max_size=60))
def test_what_is_left_is_the_end_of_the_line(line):
    assert line.endswith(without_prefix(line))
