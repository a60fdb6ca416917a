import json
import math

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sad_doctor.readers import read
from sad_doctor.readers.jsonl import READER, JsonlLog

SLOW = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])


def test_the_fixture_is_read(runs):
    run = read(runs / "nan.jsonl")
    assert run.format == "JSON lines"
    loss, lm = run.columns["train/loss"], run.columns["train/raw/lm"]
    assert len(loss) == 100
    assert math.isnan(loss.at(120))
    assert math.isnan(lm.at(120))
    assert loss.at(122) == math.inf
    grad = run.columns["train/grad_norm"]
    assert grad.at(122) == math.inf
    assert math.isnan(grad.at(124))
    assert "left out: 1 line without a usable JSON object" in run.notes


def test_parts_and_total_belong_together(runs):
    run = read(runs / "nan.jsonl")
    parts = sum(part.value[:50] for part in run.terms("train/raw/").values())
    np.testing.assert_allclose(parts, run.columns["train/loss"].value[:50], atol=2e-5)


def test_a_type_that_flips_is_still_a_number(write):
    run = read(write("a.jsonl", '{"step":1,"loss":1.5}\n{"step":2,"loss":"nan"}\n{"step":"3","loss":"2.5"}\n'))
    np.testing.assert_array_equal(run.columns["train/loss"].value, [1.5, math.nan, 2.5])
    np.testing.assert_array_equal(run.columns["train/loss"].step, [1, 2, 3])


def test_a_column_of_nothing_but_nan_is_a_column(write):
    run = read(write("a.jsonl", "".join(f'{{"step":{step},"loss":NaN}}\n' for step in range(5))))
    assert np.isnan(run.columns["train/loss"].value).all()
    assert run.last_step == 4


def test_a_last_row_without_its_line_s_end_counts(write):
    run = read(write("a.jsonl", '{"step":1,"loss":1.5}\n{"step":2,"loss":2.5}'))
    assert run.columns["train/loss"].value.tolist() == [1.5, 2.5]


def test_a_megabyte_on_one_line_does_no_harm(write):
    junk = json.dumps({"step": 1, "text": "x" * 1_000_000, "loss": 2.0})
    run = read(write("a.jsonl", junk + "\n" + "y" * 1_000_000 + '\n{"step":2,"loss":1.0}\n'))
    assert run.columns["train/loss"].value.tolist() == [2.0, 1.0]


def test_nasty_names_are_clean(write):
    keys = ["[/nope]", "\x1b]0;title\x07a", "[@click=app.quit]b", "\u202eevil", "c\x1b[2J"]
    run = read(write("a.jsonl", json.dumps({"step": 1, **dict.fromkeys(keys, 1.0)}) + "\n"))
    text = "".join(run.columns)
    assert len(run.columns) == 5
    assert not set(text) & {"\x1b", "\x07", "\u202e"}


def test_a_log_that_is_replaced_starts_again(write):
    path = write("a.jsonl", '{"step":1,"loss":1}\n{"step":2,"loss":2}\n')
    source = JsonlLog(path)
    source.poll()
    source.run()
    write("a.jsonl", '{"step":1,"loss":7}\n')
    assert source.poll()
    assert source.run().columns["train/loss"].value.tolist() == [7]
    assert not source.poll()


def test_rows_that_tell_the_length_of_the_run(write):
    source = JsonlLog(write("trainer_log.jsonl", '{"current_steps": 10, "total_steps": 300, "loss": 1.0}\n'))
    source.poll()
    assert source.run().facts["total_steps"] == 300


def test_only_lines_with_a_name_that_we_know_are_recognised(tmp_path):
    assert READER.recognises(tmp_path / "a", b'{"step": 1, "a": 2}\n')
    assert READER.recognises(tmp_path / "a", b'noise\n{"loss": 1}\nnoise\n')
    assert not READER.recognises(tmp_path / "a", b'{"text": "hello", "label": 1}\n')
    assert not READER.recognises(tmp_path / "a", b'{"loss": 1}\n' + b"prose\n" * 50)


pieces = st.sampled_from(
    [
        '{"step":1,"loss":2.0}\n',
        '{"loss":NaN}',
        "\n",
        "garbage\n",
        '{"step":3,"losses":{"kd":1}}\n',
        "é\x1b[31m",
        "{",
        "}",
    ]
)


@SLOW
@given(parts=st.lists(pieces, max_size=12), places=st.lists(st.integers(0, 10_000), max_size=6))
def test_followed_in_any_slices_it_tells_what_it_tells_whole(parts, places, whole, followed, same, cut):
    data = "".join(parts).encode()
    same(followed(JsonlLog, cut(data, places)), whole(JsonlLog, data))


@SLOW
@given(data=st.data())
def test_cut_at_any_byte_it_can_be_read(data, runs, whole):
    log = (runs / "nan.jsonl").read_bytes()
    run = whole(JsonlLog, log[: data.draw(st.integers(0, len(log)))])
    assert all(len(column.step) == len(column.value) for column in run.columns.values())


@SLOW
@given(data=st.binary(max_size=400))
def test_junk_is_left_out(data, whole):
    assert whole(JsonlLog, b'{"step":1,"loss":2}\n' + data).columns["train/loss"].value[0] == 2
