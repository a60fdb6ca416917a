"""Tells an address or a command of a red flag, without ever holding up the one who looks.

A message to an address is one POST of JSON. ``text`` is what Slack and Mattermost show, ``content`` what Discord shows;
the rest is for programs: see ``docs/json-report.md``. A command is a line for the shell, with the message on its
standard input and the finding in ``SAD_…`` variables of its environment.
"""

from __future__ import annotations

import json
import os
import queue
import re
import signal
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit

from sad_doctor import words
from sad_doctor.finding import Finding, Report, Story
from sad_doctor.record import spell
from sad_doctor.run import Run
from sad_doctor.sanitize import sanitize
from sad_doctor.views.json import document
from sad_doctor.views.plain import line

SCHEMA = 1
"""Goes up with every change of the shape of a message."""
ADDRESS_SECONDS = 10.0
COMMAND_SECONDS = 30.0
LINGER_SECONDS = 15.0
"""How long the end of the program waits for messages that are under way."""
_MOST_WAITING = 100
_LONGEST_TEXT = 1900  # Discord takes 2,000 characters
_ADDRESS = re.compile(r"([a-z][a-z0-9+.\-]*)://", re.IGNORECASE)

Message = dict[str, Any]


def is_address(target: str) -> bool:
    """Return whether a target is an address, not a command. Raises ValueError for one that cannot be told anything."""
    if not target.strip():
        raise ValueError("--notify: give an address (https://…) or a command")
    if not (scheme := _ADDRESS.match(target)):
        return False
    try:
        host = urlsplit(target).hostname if target.isascii() and target.isprintable() and " " not in target else None
    except ValueError:
        host = None
    if scheme[1].lower() not in ("http", "https") or not host:
        raise ValueError(f"--notify {shown(target)}: an address begins with https:// or http:// and names a host")
    return True


def shown(target: str) -> str:
    """Return a target for people: of an address only the host, since the rest of it is often a secret."""
    found = _ADDRESS.match(target)
    if not found:
        return line(target, 60)
    host = target[found.end() :].partition("/")[0].partition("?")[0].rpartition("@")[2]
    return line(f"{found[0]}{host}/…", 80)


def message(run: Run, story: Story) -> Message:
    """Return what is said of a new finding, with the new consequences that it explains; strict JSON can hold it."""
    finding = story.finding
    head = f"{finding.level.name} {finding.rule} {finding.name}"
    place = "" if run.last_step < 0 else f" at step {words.step(run.last_step)}"
    lines = [f"sad doctor, {run.name}{place}: {head}", finding.headline]
    lines += [f"Cause: {finding.cause}", f"Remedy: {finding.remedy}"]
    lines += [f"It explains {one.rule} {one.name}: {one.headline}" for one in story.consequences]
    text = sanitize("\n".join(map(line, lines)), _LONGEST_TEXT)
    whole = document(run, Report((story,), (), (), ()))
    told = spell(
        {
            # a name in a log must not call a whole channel
            "text": text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("@", "＠"),
            "content": text,
            "allowed_mentions": {"parse": []},
            "schema": SCHEMA,
            "event": "red_flag",
            "run": {key: value for key, value in whole["run"].items() if key != "columns"},
            "finding": whole["findings"][0],
            "consequences": whole["findings"][1:],
        }
    )
    assert isinstance(told, dict)
    return told


def environment(run: Run, finding: Finding) -> dict[str, str]:
    """Return the variables that a command gets: one line of text each."""
    return {
        "SAD_RUN": line(str(run.path)),
        "SAD_RUN_NAME": line(run.name),
        "SAD_RULE": finding.rule,
        "SAD_NAME": finding.name,
        "SAD_LEVEL": finding.level.name.lower(),
        "SAD_HEADLINE": line(finding.headline),
        "SAD_CAUSE": line(finding.cause),
        "SAD_REMEDY": line(finding.remedy),
        "SAD_STEP": "" if run.last_step < 0 else f"{run.last_step:.15g}",
    }


class Notifier:
    """Delivers in a thread of its own, one message after the other. Raises ValueError for a target that is none.

    ``say`` gets one line for each target that could not be told; while it goes on failing it is said no more.
    """

    def __init__(self, targets: Sequence[str], say: Callable[[str], object]) -> None:
        self._targets = [(target, is_address(target)) for target in targets]
        self._say = say
        self._failing: set[str] = set()
        self._waiting: queue.Queue[tuple[Message, Mapping[str, str]] | None] = queue.Queue()
        self._thread = threading.Thread(target=self._work, name="notify", daemon=True)
        self._running: subprocess.Popen[bytes] | None = None
        self._over = False
        if self._targets:
            self._thread.start()

    def tell(self, run: Run, story: Story) -> None:
        """Send word of a story; returns at once."""
        if not self._targets:
            return
        if self._waiting.qsize() >= _MOST_WAITING:
            self._say(f"--notify: {_MOST_WAITING} messages wait already: {story.finding.rule} is not sent")
            return
        self._waiting.put((message(run, story), environment(run, story.finding)))

    def close(self, seconds: float = LINGER_SECONDS) -> None:
        """Wait for what is under way, ``seconds`` at the most; a command that still runs then is ended."""
        if not self._targets or self._over:
            return
        self._waiting.put(None)
        self._thread.join(seconds)
        self._over = True
        if self._thread.is_alive():
            if (running := self._running) is not None:
                _end(running)
            self._say(f"--notify: not everything could be sent within {seconds:g} seconds")

    def _work(self) -> None:
        while (item := self._waiting.get()) is not None:
            told, variables = item
            for target, address in self._targets:
                if self._over:
                    return
                try:
                    problem = post(target, told) if address else self._call(target, told, variables)
                except Exception as error:  # whatever it is, the run is still watched
                    problem = line(f"{type(error).__name__}: {error}", 200)
                if problem and target not in self._failing and not self._over:
                    self._say(f"--notify {shown(target)}: {problem}")
                (self._failing.add if problem else self._failing.discard)(target)

    def _call(self, command: str, told: Message, variables: Mapping[str, str]) -> str:
        """Run a command; return what went wrong, or nothing. What it prints is dropped, but for the reason it gives."""
        with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as complaint:
            given.write(json.dumps(told, allow_nan=False).encode())
            given.seek(0)
            self._running = process = subprocess.Popen(
                command,
                shell=True,
                stdin=given,
                stdout=subprocess.DEVNULL,
                stderr=complaint,
                env={**os.environ, **variables},
                start_new_session=os.name == "posix",
            )
            try:
                code = process.wait(COMMAND_SECONDS)
            except subprocess.TimeoutExpired:
                _end(process)
                return f"still running after {COMMAND_SECONDS:g} seconds, so it was ended"
            finally:
                self._running = None
            if code == 0:
                return ""
            complaint.seek(0)
            said = complaint.read(1 << 16).decode("utf-8", "replace").strip().splitlines()
            return f"exit code {code}" + (f": {line(said[-1], 200)}" if said else "")


def post(address: str, told: Message, seconds: float = ADDRESS_SECONDS) -> str:
    """POST a message; return what went wrong in a few words, or nothing."""
    request = urllib.request.Request(
        address,
        data=json.dumps(told, allow_nan=False).encode(),
        headers={"Content-Type": "application/json", "User-Agent": "sad-doctor"},
        method="POST",
    )
    try:
        with urllib.request.build_opener(_NoRedirect).open(request, timeout=seconds):
            return ""
    except urllib.error.HTTPError as error:
        with error:
            return line(f"it answered {error.code} {error.reason}", 200)
    except TimeoutError:
        return f"no answer within {seconds:g} seconds"
    except urllib.error.URLError as error:
        if isinstance(error.reason, TimeoutError):
            return f"no answer within {seconds:g} seconds"
        return line(f"cannot be reached: {getattr(error.reason, 'strerror', None) or error.reason}", 200)
    except (OSError, HTTPException, ValueError) as error:
        return line(f"cannot be reached: {type(error).__name__}: {error}", 200)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirected POST would arrive as a GET without a body, and count as delivered."""

    def redirect_request(self, *_: object, **__: object) -> None:
        return None


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a command and what it has started."""
    try:
        if os.name == "posix":
            os.killpg(process.pid, signal.SIGTERM)
            time.sleep(0.2)
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    except (ProcessLookupError, PermissionError):
        pass
    process.wait()
