import os
import signal
import subprocess
import sys

import pytest

from sad.verify import battery, parallel
from sad.verify.command import MOST, cores
from sad.verify.parallel import DIED, run_parallel

CHOSEN = ("V305", "V301", "V219")
"""Some that take no time, in another order than the catalogue's."""


def alike(outcome):
    return outcome.bug.code, outcome.reproduced, outcome.attempts, outcome.fixed, outcome.variants


def test_several_processes_find_what_one_finds_in_the_same_order():
    bugs = battery.choose(CHOSEN)
    assert [alike(o) for o in run_parallel(bugs, 2)] == [alike(o) for o in battery.run(bugs)]


def test_a_process_that_dies_fails_its_bug_and_no_other(monkeypatch):
    monkeypatch.setattr(parallel, "_judged", dies_of_v301)
    first, second, third = run_parallel(battery.choose(CHOSEN), 2)
    assert first.bug.code == "V219"
    assert first.good
    assert second.bug.code == "V301"
    assert (second.caught, second.absent) == (False, False)
    assert second.fixed[0].says == DIED
    assert third.good


def dies_of_v301(code):
    if code == "V301":
        os._exit(1)
    (outcome,) = battery.run(battery.choose([code]))
    return {"reproduced": outcome.reproduced, "attempts": {}, "fixed": outcome.fixed, "seconds": 0.0}


NOTHING_TO_JUDGE = """
import sys, types
sys.modules["sad.verify.battery"] = stands_in = types.ModuleType("torch")
stands_in.Known, stands_in.Outcome = dict, object
"""
"""Begins what is about the processes alone: they import the libraries, and none of the catalogue."""

KILLED = f"""{NOTHING_TO_JUDGE}
import os, time
from sad.verify.parallel import _pool
if __name__ == "__main__":
    with _pool(1) as pool:
        print(pool.submit(os.getpid).result(), flush=True)
        time.sleep(600)
"""


@pytest.mark.skipif(os.name != "posix", reason="a killed process is one of POSIX")
def test_a_process_ends_with_the_one_that_asked_it(tmp_path):
    (tmp_path / "asks.py").write_text(KILLED)
    asks = subprocess.Popen([sys.executable, tmp_path / "asks.py"], stdout=subprocess.PIPE, text=True)
    worker = int(asks.stdout.readline())
    asks.kill()
    try:
        # the end of what it may print comes when nobody is left who could
        assert asks.communicate(timeout=60) == ("", None)
    except subprocess.TimeoutExpired:
        os.kill(worker, signal.SIGKILL)
        raise


@pytest.mark.parametrize("jobs", ["0", "-1", "many"])
def test_a_number_of_processes_that_is_none_is_wrong_usage(jobs):
    done = subprocess.run([sys.executable, "-m", "sad", "verify", "--jobs", jobs], capture_output=True, text=True)
    assert done.returncode == 2


INTERRUPTED = f"""{NOTHING_TO_JUDGE}
import os, signal, time
if __name__ == "__main__":
    from sad.verify import parallel
    try:
        list(parallel.run_parallel([types.SimpleNamespace(code="V103")], 1))
    except KeyboardInterrupt:
        print("stopped", flush=True)
else:
    print("up", signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, ()), flush=True)
    time.sleep(1)
    os._exit(0)
"""


@pytest.mark.skipif(os.name != "posix", reason="a group of processes is one of POSIX")
def test_an_interrupt_while_processes_start_is_the_parents_alone(tmp_path):
    (tmp_path / "asks.py").write_text(INTERRUPTED)
    words = [sys.executable, tmp_path / "asks.py"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    asks = subprocess.Popen(words, start_new_session=True, **pipes)
    # whether it is blocked there: a traceback would come too late to be seen, as the process is ended
    assert asks.stdout.readline() == "up True\n"
    os.killpg(asks.pid, signal.SIGINT)
    assert asks.communicate(timeout=120) == ("stopped\n", "")


LEFT_EARLY = f"""{NOTHING_TO_JUDGE}
import threading, time
from sad.verify.parallel import _pool
if __name__ == "__main__":
    before = set(threading.enumerate())
    try:
        with _pool(2) as pool:
            waiting = [pool.submit(time.sleep, 600) for _ in range(4)]
            raise LookupError
    except LookupError:
        print(set(threading.enumerate()) - before, all(future.done() for future in waiting), flush=True)
"""


def test_a_pool_that_is_left_early_leaves_no_thread_to_end_beside_python(tmp_path):
    """It closes its pipes under the one that Python wakes at its end, which is a traceback now and then."""
    (tmp_path / "asks.py").write_text(LEFT_EARLY)
    done = subprocess.run([sys.executable, tmp_path / "asks.py"], capture_output=True, text=True, timeout=120)
    assert (done.stdout, done.stderr) == ("set() True\n", "")


STOPPED = """
import sys, time

def waits(code):
    print("up", flush=True)
    time.sleep(600)

if __name__ == "__main__":
    from sad.cli import app
    from sad.verify import parallel
    parallel._judged = waits
    sys.argv = ["sad", "verify", "V109", "V112", "V105", "--jobs", "2"]
    app.main()
"""


@pytest.mark.skipif(os.name != "posix", reason="a group of processes is one of POSIX")
@pytest.mark.parametrize(
    ("number", "told", "code"),
    [
        pytest.param(signal.SIGTERM, "sad: told to end\n", 143, marks=pytest.mark.thorough),
        (signal.SIGINT, "sad verify: stopped\n", 130),
    ],
)
def test_a_signal_while_processes_judge_ends_all_of_them_with_one_line(tmp_path, number, told, code):
    (tmp_path / "asks.py").write_text(STOPPED)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    asks = subprocess.Popen([sys.executable, tmp_path / "asks.py"], start_new_session=True, **pipes)
    assert [asks.stdout.readline() for _ in range(2)] == ["up\n"] * 2
    asks.send_signal(number)
    # the end of what may be printed comes when nobody is left who could: no process that judges, no word of Python's
    assert asks.communicate(timeout=120) == ("", told)
    assert asks.returncode == code


@pytest.mark.parametrize(("processors", "processes"), [(1, 1), (2, 2), (1000, MOST)])
def test_a_process_a_processor_and_not_more_than_pay(monkeypatch, processors, processes):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(processors), raising=False)
    assert cores() == processes
