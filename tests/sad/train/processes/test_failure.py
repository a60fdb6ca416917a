"""One process that fails ends all of them, once told, and keeps the traceback."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from sad.errors import Stopped, TrainingError, UserError
from sad.subjects.processes import on_processes
from sad.train.processes import failure


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    kept = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, kept)


@pytest.fixture
def second(monkeypatch: pytest.MonkeyPatch) -> None:
    """This process is the second of four on its machine's first device."""
    for name, value in {"RANK": "1", "WORLD_SIZE": "4", "LOCAL_RANK": "0"}.items():
        monkeypatch.setenv(name, value)


def caught(error: Exception) -> Exception:
    try:
        raise error
    except Exception as found:
        return found


@pytest.mark.usefixtures("second")
def test_an_error_is_one_line_with_its_process_and_the_traceback_is_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    codes: list[int] = []
    failure.end(caught(ValueError("bad\nmore")), tmp_path, "go on from step 3", codes.append)
    assert codes == [1]
    assert capsys.readouterr().err == "sad: process 1 of 4: ValueError: bad; go on from step 3\n"
    kept = (tmp_path / "traceback-1.txt").read_text()
    assert "ValueError: bad" in kept
    assert "in caught" in kept


@pytest.mark.usefixtures("second")
@pytest.mark.parametrize(
    ("error", "code"),
    [(UserError("put it back"), 2), (TrainingError("in vain"), 1), (Stopped("stopped at once", 15), 143)],
)
def test_a_mistake_is_told_as_it_is(
    error: BaseException, code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    codes: list[int] = []
    failure.end(error, tmp_path, "go on", codes.append)
    assert codes == [code]
    assert capsys.readouterr().err == f"sad: {error}\n"
    assert not list(tmp_path.iterdir())


def test_out_of_memory_comes_with_advice() -> None:
    told = failure.line(torch.OutOfMemoryError("CUDA out of memory. Tried to"), 2, 8)
    assert told.startswith("process 2 of 8: OutOfMemoryError: CUDA out of memory")
    assert told.endswith("halve train.batch_size and double train.accumulation")


@pytest.mark.parametrize(("local", "waits"), [("0", []), ("1", [failure.PATIENCE])])
def test_before_they_are_joined_the_others_wait_for_the_first_of_a_machine(
    local: str, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    monkeypatch.setattr("time.sleep", slept.append)
    monkeypatch.setenv("LOCAL_RANK", local)
    assert failure.first_to_fail()
    assert slept == waits
    # the launcher can end it meanwhile
    assert not waits or signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def claims(_: None) -> list[bool]:
    return [failure.first_to_fail(), failure.first_to_fail()]


def test_of_several_one_tells_once() -> None:
    assert sum(told for some in on_processes(claims, None, 3) for told in some) == 1


def test_alone_there_is_no_group_to_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    failure.leave_together()
    assert failure.world() == (0, 1)


@pytest.mark.usefixtures("second")
@pytest.mark.parametrize("name", ["RANK", "WORLD_SIZE"])
def test_what_is_no_number_is_told_by_its_name(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "two")
    with pytest.raises(UserError, match=f"^the environment has {name}=two: a launcher sets it to a number; unset it$"):
        failure.world()


def test_several_leave_their_group_and_only_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    left: list[str] = []
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setattr(torch.distributed, "destroy_process_group", lambda: left.append("left"))
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: False)
    failure.leave_together()
    assert left == []
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    failure.leave_together()
    assert left == ["left"]
