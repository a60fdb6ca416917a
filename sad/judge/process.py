"""Runs the judging child: with a time limit, its output drained and cut, its end told as a verdict."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, NamedTuple

from sad.judge.interface import Interface
from sad.judge.report import Line, Report, line_of
from sad.judge.spent import Spent
from sad.verdict import Standing
from sad_doctor.sanitize import sanitize

TIMEOUT = 60.0
"""Seconds for loading, and for each property."""
KEPT = 2000
"""Characters of what the code printed."""
RESTARTS = 3
"""How often judging goes on without the property that ended the process."""
CALLS = 200
"""How many calls a property may make: a loss that takes longer than the limit for so many is slow and need not hang."""
TICK = 0.05
AS_WRITTEN = {"PYTORCH_JIT": "0", "TRL_EXPERIMENTAL_SILENCE": "1"}
"""What is scripted runs as it is written: what it raises is then its own."""
OURS = "ours"
"""Where a process is before anything of the loss's is imported: a short time limit is not for that."""
Told = Callable[[Line], None]


def judge(request: dict[str, Any], *, timeout: float = TIMEOUT, tell: Told = lambda _: None) -> Report:
    """Judge someone's code in a child process and return the report; ``tell`` hears of each line as it comes.

    ``request`` has ``target``, ``interface`` (a loss where it is left out), ``adapter``, ``name``, ``only``, ``seed``
    and ``more`` (what is added to a line that replays). A process that ends or hangs in one property
    breaks that property, and the others are judged in another; one that does so where the code is imported judges
    nothing.
    """
    interface = Interface(request.get("interface", Interface.LOSS))
    started, report = time.perf_counter(), Report(request["name"], interface=interface)
    skip: list[str] = []
    for _ in range(RESTARTS + 1):
        ended = _run({**request, "skip": skip}, report, timeout, tell)
        if ended is None:
            break
        if ended.where in ("load", OURS):
            report.unjudged = ended.how if ended.slow else _unloaded(request, ended.how)
            break
        name = ended.where
        replay = f"sad verify {interface.flag} {request['name']}{request.get('more', '')} --only {name}"
        line = Line(name, Standing.NOT_APPLICABLE if ended.slow else Standing.BROKEN, ended.how, replay=replay)
        report.lines.append(line)
        tell(line)
        if name == "can_be_called":
            break
        skip = [*(judged.name for judged in report.lines)]
    else:
        report.assumed = [*report.assumed, f"the rest is not judged: {RESTARTS + 1} properties ended the process"]
    report.seconds = time.perf_counter() - started
    return report


def _unloaded(request: dict[str, Any], how: str) -> str:
    """Say that what ends or hangs before anything of it is called has no verdict."""
    it = "it or its adapter" if request.get("adapter") else "it"
    if how.startswith("raised"):
        return f"{request['name']}: loading {it} {how}: a fault of sad itself, report it"
    return f"{request['name']}: importing {it} {how}: put what runs behind if __name__ == '__main__'"


class _Ended(NamedTuple):
    """In what a process ended, and how; ``slow`` where it need not hang: it takes long."""

    where: str
    how: str
    slow: bool = False


def _run(request: dict[str, Any], report: Report, timeout: float, tell: Told) -> _Ended | None:
    """Run one child. Returns in what it ended, and how, if it did not come to its end."""
    with tempfile.TemporaryDirectory(prefix="sad-judge-") as folder:
        asked, result = Path(folder) / "request.json", Path(folder) / "result.jsonl"
        asked.write_text(json.dumps(request), encoding="utf-8")
        result.touch()
        root = str(Path(__file__).parents[2])
        path = os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])
        child = subprocess.Popen(
            [sys.executable, "-m", "sad.judge.child", str(asked), str(result)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONPATH": path, **AS_WRITTEN},
            start_new_session=True,
        )
        assert child.stdout is not None
        printed = _Tail(child.stdout)
        try:
            ended = _followed(child, result, report, timeout, tell)
        finally:
            _end(child)
            printed.thread.join(timeout=2)
        report.printed = sanitize(printed.text())[-KEPT:]
        return ended


def _followed(
    child: subprocess.Popen[bytes], result: Path, report: Report, timeout: float, tell: Told
) -> _Ended | None:
    where, spent, call_seconds = OURS, Spent(child.pid), 0.0
    with result.open(encoding="utf-8") as stream:
        rest = ""
        while True:
            over = child.poll() is not None
            rest += stream.read()
            *lines, rest = rest.split("\n")
            for text in lines:
                spent.again()
                event = json.loads(text)
                if event.get("done"):
                    return None
                if "raised" in event:
                    return _Ended(where, _raised(event["raised"]))
                where = event.get("start", where)
                call_seconds = event.get("call_seconds", call_seconds)
                _take(event, report, tell)
            if over:
                return _Ended(where, _how(child.returncode))
            limit = max(timeout, TIMEOUT) if where == OURS else timeout
            if spent.update() > limit:
                return _late(where, limit, call_seconds)
            time.sleep(TICK)


def _late(where: str, timeout: float, call_seconds: float) -> _Ended:
    limit = f"within the time limit of {timeout:g} s"
    if where == OURS:
        return _Ended("load", f"not judged {limit}: torch is still being imported; give a longer --timeout", slow=True)
    if call_seconds * CALLS > timeout:
        says = f"not judged {limit}: one call takes {call_seconds:.2g} s; give a longer --timeout"
        return _Ended(where, says, slow=True)
    return _Ended(where, f"hangs: no answer {limit} (--timeout)")


def _take(event: dict[str, Any], report: Report, tell: Told) -> None:
    if "line" in event:
        line = line_of(event["line"])
        report.lines.append(line)
        tell(line)
    report.what = event.get("what", report.what)
    report.assumed = event.get("assumed", report.assumed)
    report.unjudged = event.get("unjudged", report.unjudged)


def _raised(what: str) -> str:
    exits = what.startswith(("SystemExit", "KeyboardInterrupt"))
    return f"raises {what}, which would end the program" if exits else f"raised {what}"


def _how(code: int) -> str:
    if code >= 0:
        return f"ends the process, exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = str(-code)
    return f"crashes the process: {name}"


def _end(child: subprocess.Popen[bytes]) -> None:
    """End the child and what it started: it leads a group of its own."""
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError, AttributeError):
        child.kill()
    child.wait()


class _Tail:
    """Reads a stream to its end and keeps the last of it, so that no amount of output fills memory or a pipe."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream, self._kept = stream, b""
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def text(self) -> str:
        return self._kept.decode("utf-8", errors="replace")

    def _read(self) -> None:
        while chunk := self._stream.read1(65536):  # type: ignore[attr-defined]
            self._kept = (self._kept + chunk)[-4 * KEPT :]
