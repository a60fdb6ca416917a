from collections.abc import Callable
from itertools import islice
from pathlib import Path

import pytest

from sad_doctor import names
from sad_doctor.follow import follow
from sad_doctor.readers import Unreadable
from sad_doctor.record import Recorder


def playing(*acts: Callable[[], object]) -> tuple[Callable[[float], None], list[float]]:
    """A sleep that does the next act instead, and the list of how long it was asked to sleep."""
    slept: list[float] = []
    rest = iter(acts)

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        next(rest, lambda: None)()

    return sleep, slept


def test_a_run_is_followed_until_it_is_over(tmp_path: Path):
    record = Recorder(tmp_path / "run")
    sleep, slept = playing(
        lambda: record.log(1, {names.LOSS: 3.0}),
        lambda: None,
        lambda: record.log(2, {names.LOSS: 2.0}),
        record.close,
    )
    runs = list(follow(tmp_path / "run", interval=0.2, sleep=sleep))
    assert [run.last_step for run in runs] == [-1, 1, 2, 2]
    assert [run.facts[names.STATUS] for run in runs] == ["running", "running", "running", "finished"]
    assert slept == [0.2] * 5


def test_a_run_that_is_over_is_given_once(runs_folder: Path):
    sleep, slept = playing()
    assert len(list(follow(runs_folder / "healthy", sleep=sleep))) == 1
    assert len(slept) == 1


@pytest.mark.parametrize("name", ["crash_168_160.log", "postmortem.log"])
def test_a_text_log_that_tells_its_end_ends(runs_folder: Path, name):
    assert len(list(follow(runs_folder / name, sleep=lambda _: None))) == 1


def test_an_error_that_was_caught_is_not_the_end(tmp_path: Path):
    path = tmp_path / "a.log"
    path.write_text('[TRAIN DEBUG] Step 1\nTraceback (most recent call last):\n  File "a.py"\nValueError: no\n')

    def write(text: str) -> Callable[[], object]:
        return lambda: path.open("a").write(text)

    sleep, _ = playing(write("[TRAIN DEBUG] Step 50\n[TOTAL] Loss: 2.0\n"), write("Training completed!\n"))
    runs = list(follow(path, sleep=sleep))
    assert [run.facts[names.STATUS] for run in runs] == ["crashed", "unknown", "finished"]


def test_a_killed_run_is_followed_until_the_caller_stops(tmp_path: Path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"step": 1, "loss": 2.0}\n')
    acts = [lambda n=n: path.open("a").write(f'{{"step": {n}, "loss": 1.0}}\n') for n in range(2, 50)]
    sleep, _ = playing(*acts)
    assert [run.last_step for run in islice(follow(path, sleep=sleep), 5)] == [1, 2, 3, 4, 5]


def test_a_rotated_log_gives_the_new_run(tmp_path: Path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"step": 100, "loss": 2.0}\n')

    def rotate() -> None:
        path.rename(tmp_path / "a.jsonl.1")
        path.write_text('{"step": 1, "loss": 9.0}\n')

    sleep, _ = playing(rotate)
    assert [run.last_step for run in islice(follow(path, sleep=sleep), 2)] == [100, 1]


def test_what_is_no_log_is_refused_at_once(tmp_path: Path):
    with pytest.raises(Unreadable, match="no such file"):
        next(follow(tmp_path / "none"))


@pytest.fixture
def runs_folder() -> Path:
    return Path(__file__).resolve().parents[2] / "fixtures" / "runs"
