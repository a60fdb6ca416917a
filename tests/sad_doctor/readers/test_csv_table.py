import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sad_doctor import names
from sad_doctor.check import check
from sad_doctor.readers import read
from sad_doctor.readers.csv_table import READER, CsvLog, header

SLOW = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])


def test_the_fixture_is_read(runs):
    run = read(runs / "metrics.csv")
    assert run.format == "CSV"
    assert len(run.columns["train/loss"]) == 60
    assert len(run.columns["train/lr"]) == 60
    assert run.columns["eval/loss"].step.tolist() == [45, 95, 145, 195, 245, 295]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_delimiter_is_found(write, delimiter):
    rows = [["step", "loss", "lr"], ["1", "2.5", "1e-4"], ["2", "", "2e-4"], ["3", "NaN", ""]]
    run = read(write("a.csv", "\n".join(delimiter.join(row) for row in rows) + "\n"))
    np.testing.assert_array_equal(run.columns["train/loss"].value, [2.5, np.nan])
    assert run.columns["train/loss"].step.tolist() == [1, 3]
    assert run.columns["train/lr"].step.tolist() == [1, 2]


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_decimal_commas_are_read(write, delimiter):
    rows = [["step", "loss", "lr"], ["0", "5,0", "1,5e-4"], ["1", "-4,99", "0,001"]]
    run = read(write("a.csv", "\n".join(delimiter.join(row) for row in rows) + "\n"))
    assert run.columns["train/loss"].value.tolist() == [5.0, -4.99]
    assert run.columns["train/lr"].value.tolist() == [1.5e-4, 0.001]
    assert "decimal commas were read as points" in run.notes


@pytest.mark.parametrize(("last", "taken"), [("3,NaN", True), ("3,", True), ("3", False), ("3,4.5", True)])
def test_a_last_row_without_its_end_is_taken_when_the_file_is_read_once(write, last, taken):
    path = write("a.csv", "step,loss\n1,5\n2,4\n" + last)
    assert any("was taken" in note for note in read(path).notes) is taken
    followed = CsvLog(path)
    followed.poll()
    assert len(followed.run().columns["train/loss"]) == 2


def test_a_new_line_of_names_starts_a_new_table(write):
    run = read(write("a.csv", "step,loss\n1,2\nstep,loss,lr\n2,1,0.1\n"))
    assert run.columns["train/loss"].value.tolist() == [2, 1]
    assert run.columns["train/lr"].step.tolist() == [2]


def test_windows_line_ends_quotes_and_an_index_without_name(write):
    run = read(write("a.csv", '\ufeff,"step","loss, total"\r\n0,"1","2.5"\r\n1,"2","1.5"\r\n'))
    assert run.columns["loss, total"].value.tolist() == [2.5, 1.5]
    assert run.columns["loss, total"].step.tolist() == [1, 2]


def test_rows_that_do_not_fit_are_counted(write):
    run = read(write("a.csv", "step,loss\n1,2\n1,2,3,4\nprose without numbers\n2,1\n"))
    assert run.columns["train/loss"].value.tolist() == [2, 1]
    assert "left out: 2 lines without a row of the table" in run.notes


def test_the_last_line_waits_for_its_end(write):
    path = write("a.csv", "step,loss\n1,2\n2,13")
    source = CsvLog(path)
    source.poll()
    assert source.run().columns["train/loss"].value.tolist() == [2]
    assert "the last line has no end yet: it waits" in source.run().notes
    with path.open("a") as file:
        file.write("7.5\n")
    assert source.poll()
    assert source.run().columns["train/loss"].value.tolist() == [2, 137.5]


def test_a_table_that_is_rewritten_with_another_column_starts_again(write):
    path = write("a.csv", "step,loss\n1,2\n2,1\n")
    source = CsvLog(path)
    source.poll()
    write("a.csv", "lr,step,loss\n0.1,1,2\n0.1,2,1\n0.1,3,0.5\n")
    assert source.poll()
    assert source.run().columns["train/loss"].value.tolist() == [2, 1, 0.5]


@pytest.mark.parametrize(
    "line", [b"", b"one", b"1,2,3", b'{"a": 1, "b": 2}', b"# a, b", b"a,,,b", b"<html>,<p>", b"x" * 2_000_000 + b",y"]
)
def test_what_is_no_line_of_names(line):
    assert header(line) is None


def test_recognition(tmp_path):
    assert READER.recognises(tmp_path / "a.csv", b"step,loss\n")
    assert not READER.recognises(tmp_path / "a.log", b"step,loss\n")
    assert READER.recognises(tmp_path / "a.log", b"step,loss\n1,2\n")
    assert not READER.recognises(tmp_path / "a.csv", b"petal,sepal\n1,2\n")
    assert not READER.recognises(tmp_path / "a.txt", b"Call me Ishmael, some years ago\nhaving little, or no money\n")


pieces = st.sampled_from(
    ["step,loss\n", "1,2\n", "2,", ",3\n", "\n", '"a\n', "prose\n", "lr,step\n", "\r\n", "é,\x00\n"]
)


@SLOW
@given(parts=st.lists(pieces, max_size=12), places=st.lists(st.integers(0, 10_000), max_size=6))
def test_followed_in_any_slices_it_tells_what_it_tells_whole(parts, places, whole, followed, same, cut):
    data = "".join(parts).encode()
    same(followed(CsvLog, cut(data, places)), whole(CsvLog, data))


@SLOW
@given(place=st.integers(0, 2007))
def test_cut_at_any_byte_no_half_value_is_read(place, runs, whole):
    log = (runs / "metrics.csv").read_bytes()
    run, full = whole(CsvLog, log[:place]), whole(CsvLog, log)
    for name, column in run.columns.items():
        np.testing.assert_array_equal(column.value, full.columns[name].value[: len(column)])


@pytest.mark.parametrize(("name", "column"), [("run-.-tag-Loss_train.csv", names.LOSS), ("export.csv", "Value")])
def test_an_export_of_tensorboard_has_its_tag_in_the_name_of_the_file(write, name, column):
    lines = "".join(f"17000000{i}.0,{i},{5 - i / 10}\n" for i in range(10, 20))
    run = read(write(name, "Wall time,Step,Value\n" + lines))
    assert run.columns[column].value[0] == 4
    assert run.columns[names.TIME].value[0] == 1700000010
    assert any("not used: Value (name them with --map)" in note for note in run.notes) == (column == "Value")


@pytest.mark.parametrize("spelled", ['"{i},000"', "{i}.0k", "{i}K", "{i}000"])
def test_steps_may_be_spelled_in_thousands(write, spelled):
    rows = [f"{spelled.format(i=i)},{5 - i / 10}\n" for i in range(1, 9)]
    run = read(write("run.csv", "step,loss\n" + "".join(rows)))
    assert run.columns[names.LOSS].step.tolist() == [1000 * i for i in range(1, 9)]


def test_numbers_that_are_too_long_are_said(write):
    run = read(write("run.csv", f"step,loss,text\n1,0.{'1' * 70},{'x' * 80}\n2,1.5,y\n3,1.4,z\n"))
    assert run.columns[names.LOSS].value.tolist() == [1.5, 1.4]
    assert "numbers of more than 64 characters were left out: 1" in run.notes


def test_a_table_of_results_is_no_log(write):
    rows = "".join(f"{model},{400 / at},{at}\n" for at, model in enumerate(["vit", "swin_t", "mixer", "resnet"], 1))
    path = write("a.csv", "model,train_samples_per_sec,train_loss\n" + rows)
    run = read(path)
    assert run.columns == {}
    report = check(run)
    assert not report.judged
    assert report.unread == "each row has a name (model) and no step: a table of results, no training log"
