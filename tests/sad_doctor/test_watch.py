import json
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from sad_doctor import names
from sad_doctor.__main__ import run as command
from sad_doctor.check import check
from sad_doctor.finding import Level
from sad_doctor.main import run_doctor
from sad_doctor.readers import Unreadable
from sad_doctor.record import Recorder
from sad_doctor.request import Request
from sad_doctor.watch import Watching

ROOT = Path(__file__).parents[2]
FIXTURES = ROOT / "fixtures" / "runs"


def keep(out):
    return f'cat >> "{out}"; echo >> "{out}"'


def kept(out):
    return [json.loads(line) for line in out.read_text().splitlines()] if out.exists() else []


def test_a_finished_run_is_told_of_once_and_shown_as_ever(tmp_path, capsys):
    out = tmp_path / "told"
    assert command([str(FIXTURES / "run2.log"), "--report", "--notify", keep(out)]) == 1
    assert capsys.readouterr().out.startswith("The weights never moved")
    told = [one["rule"] for message in kept(out) for one in (message["finding"], *message["consequences"])]
    assert told[:2] == ["R101", "R102"]
    assert len(told) == len(set(told))
    assert {message["finding"]["level"] for message in kept(out)} == {"error"}


def test_what_is_told_of_is_what_fails(tmp_path):
    out, log = tmp_path / "told", tmp_path / "metrics.jsonl"
    rows = [{"step": i, "train/loss": 10.0, "train/weighted/kd": 5.0, "train/weighted/lm": 3.0} for i in range(9)]
    log.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert command([str(log), "--report", "--notify", keep(out)]) == 0
    assert kept(out) == []
    assert command([str(log), "--report", "--notify", keep(out), "--fail-on", "warn"]) == 1
    assert [message["finding"]["rule"] for message in kept(out)] == ["R204"]


def test_a_target_that_fails_is_one_line_and_leaves_the_verdict(capsys):
    assert command([str(FIXTURES / "healthy"), "--json", "--notify", "exit 9"]) == 0
    assert command([str(FIXTURES / "run2.log"), "--json", "--notify", "exit 9"]) == 1
    told = capsys.readouterr()
    assert told.err == "sad doctor: --notify exit 9: exit code 9\n"


def test_following_waits_for_the_run_tells_each_finding_once_and_ends_with_the_report(tmp_path, capsys):
    folder, out = tmp_path / "run", tmp_path / "told"
    codes = []
    with Watching(following=True, interval=0.02, notify=[keep(out)]) as watching:
        looker = threading.Thread(
            target=lambda: codes.append(run_doctor(folder, Request(form="json", select=["R401"], watching=watching)))
        )
        looker.start()
        time.sleep(0.1)
        with Recorder(folder) as record:
            for step in range(1, 31):
                record.log(step, {names.LOSS: 9.0 if step < 10 else float("nan")})
                time.sleep(0.01)
        looker.join(60)
    assert codes == [1]
    told = capsys.readouterr()
    assert json.loads(told.out)["run"]["last_step"] == 30
    lines = told.err.splitlines()
    assert "a log that is there (waiting; Ctrl-C ends it)" in lines[0]
    assert [line.partition(": ERROR ")[2].split(":")[0] for line in lines if "ERROR" in line] == ["R401 non-finite"]
    assert [message["finding"]["rule"] for message in kept(out)] == ["R401"]


def test_the_doctor_of_sad_follows_and_tells_too(tmp_path, capsys):
    from sad.cli.app import app

    out = tmp_path / "told"
    words = ["doctor", str(FIXTURES / "run2.log"), "--follow", "--idle", "0.1", "--notify", keep(out)]
    assert app(words, standalone_mode=False) == 1
    told = capsys.readouterr()
    assert told.out.startswith("The weights never moved")
    assert "step 1,000: ERROR R101 weights-frozen: The weights never moved" in told.err
    assert kept(out)[0]["finding"]["rule"] == "R101"


def test_waiting_for_a_log_ends_when_it_is_told_to(tmp_path):
    watching = Watching(following=True, idle=0.05, interval=0.01)
    with pytest.raises(Unreadable, match="no such file"):
        watching.opened(tmp_path / "none")


def test_what_will_never_be_a_log_is_not_waited_for(tmp_path):
    (tmp_path / "log.zip").write_bytes(b"PK\x03\x04" + bytes(range(256)) * 40)
    for path, why in ((tmp_path / "log.zip", "unpack it first"), ("/dev/null", "not a regular file")):
        with pytest.raises(Unreadable, match=why):
            Watching(following=True).opened(path)


def test_text_that_is_no_log_yet_is_waited_for(tmp_path):
    log = tmp_path / "train.log"
    log.write_text("Loading the model\n")
    later = threading.Timer(0.1, log.write_text, ['{"step": 1, "loss": 3.5}\n'])
    later.start()
    assert Watching(following=True, idle=60.0, interval=0.01).opened(log).path == log
    later.join()


async def test_the_dashboard_tells_once_too(tmp_path):
    from sad_doctor.views.tui.app import DoctorApp

    out, folder = tmp_path / "told", tmp_path / "run"
    record = Recorder(folder)
    record.log(1, {names.LOSS: 9.0})
    with record, Watching(notify=[keep(out)]) as watching:
        source = watching.opened(folder)
        app = DoctorApp(source, watching.judging(check, Level.ERROR), interval=3600.0)
        async with app.run_test() as pilot:
            for step in range(2, 6):
                record.log(step, {names.LOSS: float("nan")})
                app.look()
                await app.workers.wait_for_complete()
                await pilot.pause()
    assert [message["finding"]["rule"] for message in kept(out)] == ["R401"]


def test_half_a_log_is_not_told_of(tmp_path):
    out = tmp_path / "told"
    with Watching(notify=[keep(out)]) as watching:
        source = watching.opened(FIXTURES / "run2.log")
        judge = watching.judging(check, Level.ERROR)
        source.poll()
        source.pace.reached(FIXTURES / "run2.log", 1, 2)
        assert judge(source.run()).worst == Level.ERROR
        source.pace.reached(FIXTURES / "run2.log", 2, 2)
        judge(source.run())
        judge(source.run())
    assert [message["finding"]["rule"] for message in kept(out)].count("R101") == 1


def test_what_goes_wrong_waits_until_the_dashboard_is_gone(capsys):
    with Watching(notify=["exit 9"]) as watching:
        watching.hold()
        source = watching.opened(FIXTURES / "run2.log")
        source.poll()
        watching.judging(check, Level.ERROR)(source.run())
        time.sleep(0.3)
        assert capsys.readouterr().err == ""
    assert capsys.readouterr().err == "sad doctor: --notify exit 9: exit code 9\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--idle", "5"], "give --follow too"),
        (["--follow", "--idle", "0"], "--idle 0: it is a number of seconds above 0"),
        (["--notify", "ftp://host/x"], "--notify ftp://host/…: an address begins with https:// or http://"),
    ],
)
def test_a_wrong_use_is_refused(words, said, capsys):
    with pytest.raises(SystemExit, match="2"):
        command([str(FIXTURES / "healthy"), *words])
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(("lost", "code"), [(False, 0), (True, 2)])
def test_a_healthy_log_that_is_lost_while_it_is_followed_does_not_end_as_a_healthy_run(
    tmp_path, capsys, monkeypatch, lost, code
):
    from sad.cli.app import app

    log = tmp_path / "log.jsonl"
    log.write_text("".join(f'{{"step": {at}, "loss": {3 - at / 100 + at % 7 / 50}}}\n' for at in range(1, 120)))

    def between_two_looks(seconds):
        if lost:
            log.unlink(missing_ok=True)
        time.sleep(seconds)

    clock = SimpleNamespace(monotonic=time.monotonic, sleep=between_two_looks)
    monkeypatch.setattr("sad_doctor.follow.time", clock)
    assert app(["doctor", str(log), "--follow", "--idle", "1.5"], standalone_mode=False) == code
    assert ("is gone" in capsys.readouterr().err) == lost
