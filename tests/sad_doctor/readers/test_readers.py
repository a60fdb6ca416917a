import os
import re
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sad_doctor.readers import Unreadable, open_log, read

SLOW = settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.parametrize(
    ("name", "format"),
    [
        ("healthy", "run folder"),
        ("healthy/metrics.jsonl", "run folder"),
        ("healthy/run.json", "run folder"),
        ("run2.log", "console log"),
        ("trainer_state.json", "Hugging Face trainer_state.json"),
        ("nan.jsonl", "JSON lines"),
        ("metrics.csv", "CSV"),
    ],
)
def test_each_fixture_is_opened_by_its_reader(runs, name, format):
    assert read(runs / name).format == format


@pytest.mark.parametrize("name", ["run2.log", "trainer_state.json", "nan.jsonl", "metrics.csv"])
def test_content_decides_not_the_name(runs, tmp_path: Path, name):
    path = tmp_path / "something"
    shutil.copy(runs / name, path)
    assert read(path).format == read(runs / name).format


def test_a_long_preamble_hides_nothing(runs, write):
    log = (runs / "run2.log").read_bytes()
    assert read(write("a.log", b"Collecting torch\n" * 60_000 + log)).columns["train/loss"].last == 29.0376


def message(path: Path) -> str:
    with pytest.raises(Unreadable) as caught:
        open_log(path)
    text = str(caught.value)
    assert "\n" not in text
    assert "\x1b" not in text
    return text


def refusal(path: Path) -> str:
    """What is said of a file that cannot be read; nothing of one that can."""
    try:
        read(path)
    except Unreadable as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("empty.log", b"", "is empty"),
        ("blank.jsonl", b" \n\n", "is empty"),
        ("prose.txt", b"Call me Ishmael.\nSome years ago\n", "without a line that a training would log"),
        ("model.bin", bytes(range(256)) * 50, "a binary file"),
        ("a.log.gz", b"\x1f\x8b\x08\x00rest", "unpack it first"),
        ("a.zip", b"PK\x03\x04rest", "unpack it first"),
        ("mlflow.db", b"SQLite format 3\x00", "cannot be read"),
        ("utf16.log", "Call me Ishmael.\n".encode("utf-16"), "without a line that a training would log"),
        ("array.json", b'[{"step": 1, "loss": 2}]', "without a line"),
        ("vocab.json", b'{"the": 1, "of": 2}', "without a line"),
    ],
)
def test_what_is_none_of_these_gets_one_clear_line(write, name, data, words):
    text = message(write(name, data))
    assert words in text
    assert name in text


def test_what_is_no_file(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "dangling").symlink_to("nowhere")
    assert "no such file" in message(tmp_path / "none")
    assert "did you mean" not in message(tmp_path / "none")
    assert message(tmp_path / "danglin").endswith(f"did you mean {tmp_path / 'dangling'}?")
    assert "did you mean" not in message(tmp_path / "nowhere" / "dangling")
    assert "a link to" in message(tmp_path / "dangling")
    assert "leads nowhere" in message(tmp_path / "dangling")
    assert "not a regular file" in message(tmp_path / "pipe")
    assert "folder without a run" in message(tmp_path)
    (tmp_path / "loop").symlink_to("loop")
    message(tmp_path / "loop")
    message(tmp_path / "\x1b[31mred")
    message(tmp_path / ("x" * 5000))
    message(Path("nul\x00byte"))


def test_a_folder_with_one_log_is_that_log(runs, tmp_path: Path):
    shutil.copy(runs / "run2.log", tmp_path / "train.log")
    (tmp_path / "README.md").write_text("notes")
    assert read(tmp_path).format == "console log"


def test_a_folder_with_one_run_and_its_link_is_that_run(runs, tmp_path: Path):
    shutil.copytree(runs / "healthy", tmp_path / "first")
    (tmp_path / "latest").symlink_to("first")
    assert read(tmp_path).name == "first"


def test_of_several_runs_in_a_folder_the_last_one_is_read_and_the_first_few_are_named(runs, tmp_path: Path):
    for index in range(7):
        copy = shutil.copytree(runs / "healthy", tmp_path / f"run-{index}")
        for file in copy.iterdir():
            os.utime(file, (1e9 + index % 6, 1e9 + index % 6))
    run = read(tmp_path)
    assert run.name == "run-5"
    (text,) = (note for note in run.notes if "7 runs in this folder" in note)
    assert "was chosen, " in text
    assert "run-0" in text
    assert "run-4" in text
    assert "run-6" not in text
    assert "and 1 more" in text


def test_the_folder_of_fixtures_holds_several(runs):
    assert any("runs in this folder" in note for note in read(runs).notes)


def test_a_hugging_face_output_folder_gives_its_newest_state(runs, tmp_path: Path):
    for step in (50, 200):
        (tmp_path / f"checkpoint-{step}").mkdir()
        shutil.copy(runs / "trainer_state.json", tmp_path / f"checkpoint-{step}" / "trainer_state.json")
        (tmp_path / f"checkpoint-{step}" / "config.json").write_text("{}")
    assert read(tmp_path).path.parent.name == "checkpoint-200"


@pytest.mark.parametrize("zeros", [100, 600_000])
def test_zeros_before_the_first_line_are_left_out(runs, write, zeros):
    row = b'{"step":1,"loss":2}\n'

    assert read(write("a.jsonl", b"\x00" * zeros + row)).columns["train/loss"].last == 2
    log = (runs / "run2.log").read_bytes()
    assert read(write("a.log", b"\x00" * zeros + log)).columns["train/loss"].last == 29.0376


def test_a_zero_in_a_text_does_not_make_it_binary(runs, write):
    log = (runs / "run2.log").read_bytes()

    assert read(write("a.log", log[:300] + b"\x00" + log[300:])).columns["train/loss"].last == 29.0376


def test_zeros_behind_the_last_line_are_left_out(write):
    assert read(write("a.jsonl", b'{"step":1,"loss":2}\n' + b"\x00" * 4096)).columns["train/loss"].last == 2


@SLOW
@given(name=st.sampled_from(["run3.log", "nan.jsonl", "metrics.csv", "trainer_state.json"]), data=st.data())
def test_any_log_cut_at_any_byte_is_read_or_refused_in_one_line(name, data, runs, tmp_path_factory):
    log = (runs / name).read_bytes()
    path = tmp_path_factory.getbasetemp() / f"cut-{name}"
    path.write_bytes(log[: data.draw(st.integers(0, len(log)))])
    assert "\n" not in refusal(path)


@SLOW
@given(
    data=st.binary(max_size=300), start=st.sampled_from([b"", b"{", b"step,loss\n", b'{"step":1,', b"Epoch 0:  4%|"])
)
def test_any_bytes_are_read_or_refused_in_one_line(data, start, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "bytes"
    path.write_bytes(start + data)
    assert "\n" not in refusal(path)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("run.wandb", b":W&B\xe1\xbe\x00"),
        ("events.out.tfevents.1", b"\x18\x00\x00\x00\x00\x00\x00\x00\xa3\x7fK\x22\x1a\rbrain.Event:2"),
    ],
)
def test_a_tracker_s_file_that_has_only_begun_is_an_empty_run(write, name, data):
    assert read(write(name, data)).columns == {}


def test_a_folder_says_what_was_skipped_and_what_lies_below(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "a.csv").write_text("step,loss\n1,2\n2,1\n", encoding="utf-8")
    (tmp_path / "sub" / "run.json").write_text("{}", encoding="utf-8")
    (tmp_path / "b.log").write_text("", encoding="utf-8")
    notes = read(tmp_path).notes
    assert f"the folders below hold runs too, which were left out: {tmp_path / 'sub'}" in notes
    assert "skipped: b.log (the file is empty: wait until the run has logged something)" in notes
    (tmp_path / "a.csv").write_text("nothing", encoding="utf-8")
    (tmp_path / "sub" / "run.json").unlink()
    with pytest.raises(Unreadable, match=r"without a run in it; skipped: a.csv \(text without a line"):
        read(tmp_path)


@pytest.mark.parametrize(("skipped", "more"), [(1, ""), (5, ""), (6, " and 1 more"), (23, " and 18 more")])
def test_of_many_skipped_files_five_are_named_with_their_reasons_and_the_rest_counted(
    skipped: int, more: str, tmp_path: Path
) -> None:
    (tmp_path / "z.csv").write_text("step,loss\n1,2\n2,1\n", encoding="utf-8")
    for number in range(skipped):
        empty = number % 2 == 0
        (tmp_path / f"a{number:02}.log").write_text("" if empty else "no number in it", encoding="utf-8")
    (told,) = (note.removeprefix("skipped: ") for note in read(tmp_path).notes if note.startswith("skipped: "))
    assert told.endswith(more)
    named = re.findall(r"(a\d\d\.log) \((.*?)\)(?:, |$)", told.removesuffix(more))
    assert [name for name, _ in named] == [f"a{number:02}.log" for number in range(min(skipped, 5))]
    reasons = ["the file is empty: wait until the run has logged something", "text without a line that could be read"]
    assert [why.startswith(reasons[at % 2][:19]) for at, (_, why) in enumerate(named)] == [True] * len(named)
    assert ("more" in told) == bool(more)


def test_a_run_that_ended_before_its_first_step_is_called_one(tmp_path: Path) -> None:
    (tmp_path / "recipe.toml").touch()
    with pytest.raises(Unreadable, match="a run that has no record: it has not begun, or ended before its first step"):
        read(tmp_path)
    (tmp_path / "loss.csv").write_text("step,loss\n1,2\n2,1\n", encoding="utf-8")
    assert read(tmp_path).columns


def test_a_pipe_in_a_folder_is_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    os.mkfifo(tmp_path / "sub" / "pipe.log")
    (tmp_path / "sub" / "a.csv").write_text("step,loss\n1,2\n2,1\n", encoding="utf-8")
    assert read(tmp_path).columns["train/loss"].last == 1
