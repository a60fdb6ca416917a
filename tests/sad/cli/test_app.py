"""The gate of the command line: one plain line for a mistake, no control code of a file's for a fault."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from gate import called

from sad.cli import app
from sad.version import __version__

NAN = Path(__file__).parents[3] / "fixtures/runs/nan.jsonl"
ESCAPES = "\x1b[31m\x1b]0;title\x07\u202e\u2066\x9b1m\r"


@pytest.mark.parametrize(
    "words",
    [
        ("train", "--config", f"no{ESCAPES}such.toml"),
        ("train", "--set", f"{ESCAPES}=1"),
        ("train", "--resume", f"no{ESCAPES}such"),
        ("train", "--data", f"./no{ESCAPES}such.txt"),
        ("verify", f"{ESCAPES}V1"),
        ("verify", "--loss", f"./{ESCAPES}.py:loss"),
        ("doctor", f"no{ESCAPES}such", "--report"),
        ("explain", f"R{ESCAPES}"),
        (f"--{ESCAPES}",),
        (f"{ESCAPES}",),
    ],
    ids=lambda words: " ".join(words[:2]).encode("ascii", "ignore").decode().replace("\x1b", ""),
)
def test_a_mistake_is_one_plain_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    assert called(monkeypatch, *words) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert err[:-1].isprintable()


@pytest.mark.parametrize(
    ("words", "told", "ends"),
    [
        (("verify", "--list"), "V101  layerwise-explodes", 0),
        (("doctor", str(NAN), "--report"), "non-finite", 1),
        (("explain", "non-finite"), "# R401 A series is not finite", 0),
        (("explain", "non-finite", str(NAN)), "measured", 0),
        (("explain", "terms.kd.weight=2"), "# `terms.kd.weight`", 0),
        (("assets", "list"), "smollm2", 0),
        (("env",), "python", 0),
    ],
    ids=lambda one: " ".join(one[:1]) if isinstance(one, tuple) else "",
)
def test_a_command_answers(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], told: str, ends: int
) -> None:
    assert called(monkeypatch, *words) == ends
    out, err = capsys.readouterr()
    assert told in out
    assert err == ""


def taken(monkeypatch: pytest.MonkeyPatch, function: str, *words: str) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """What a command hands to the function that does the work."""
    calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = []
    monkeypatch.setattr(function, lambda *given, **how: calls.append((given, how)) or 0)  # type: ignore[func-returns-value]
    assert called(monkeypatch, *words) == 0
    (call,) = calls
    return call


def test_flags_are_keys_of_the_recipe(monkeypatch: pytest.MonkeyPatch) -> None:
    words = "--config a.toml --cache c --k 5 --bits 8 --states --teacher t --student s --data d --set x=1 --dry-run"
    given, how = taken(monkeypatch, "sad.cli.cache_teacher.cache_teacher", "cache", *words.split())
    models = {"teacher.model": "t", "student.model": "s", "data.text": "d"}
    kept = {"cache.path": "c", "cache.k": 5, "cache.bits": 8, "cache.states": True}
    assert given == (Path("a.toml"), {**models, **kept}, ["x=1"])
    assert how == {"dry_run": True}
    assert taken(monkeypatch, "sad.cli.cache_teacher.cache_teacher", "cache")[0] == (None, {}, [])


def test_what_is_asked_of_assets_and_pages_reaches_them(monkeypatch: pytest.MonkeyPatch) -> None:
    assert taken(monkeypatch, "sad.assets.fetch", "assets", "fetch", "smollm2")[0] == ("smollm2",)
    assert taken(monkeypatch, "sad.assets.add", "assets", "add", "a.whl")[0] == (Path("a.whl"),)
    assert [taken(monkeypatch, "sad.pages.write.run_pages", "pages", *flag)[1] for flag in ((), ("--check",))] == [
        {"check": False},
        {"check": True},
    ]


def test_a_fault_shows_its_traceback_without_control_codes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken() -> None:
        raise LookupError(f"from a file: {ESCAPES}")

    monkeypatch.setattr(app, "app", lambda **_: broken())
    assert called(monkeypatch, "env") == 1
    err = capsys.readouterr().err
    assert "LookupError: from a file: " in err
    assert "in broken" in err
    assert "sad env" in err.splitlines()[-1]
    assert err.replace("\n", "").isprintable()


def test_a_home_in_which_nothing_can_be_written_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("HOME", str(tmp_path / "file" / "home"))
    # the shell is found among the processes above this one, of which none need be a shell
    monkeypatch.setattr("typer._completion_shared._get_shell_name", lambda: "bash")
    assert called(monkeypatch, "--install-completion") == 2
    err = capsys.readouterr().err
    assert err.startswith("sad: the completion cannot be installed: Not a directory: ")
    assert err.count("\n") == 1


@pytest.mark.parametrize("words", [("--nope",), ("no-such-log",), (str(NAN), "--select", "R9999")])
def test_every_error_of_the_doctor_has_one_form(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    assert called(monkeypatch, "doctor", *words) == 2
    assert capsys.readouterr().err.startswith("sad doctor: ")


def test_a_mistake_is_not_told_on_standard_output_where_nobody_hears_of_errors(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    assert called(monkeypatch, "train", "--config", "no-such.toml") == 2
    assert capsys.readouterr().out == ""


def test_everything_and_something_at_once_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert called(monkeypatch, "verify", "--all", "V104") == 2
    assert capsys.readouterr().err.startswith("sad: --all and V104 at once: ")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("verify", "--tokenizers", "one"), "option '--tokenizers' requires 2 arguments (see: sad verify --help)"),
        (("cache", "--cache"), "option '--cache' requires an argument (see: sad cache --help)"),
        (("assets", "list", "--odd"), "no such option: --odd (see: sad assets list --help)"),
        (("--odd",), "no such option: --odd (see: sad --help)"),
        (("train", "runs"), "more words than are taken (runs) (see: sad train --help)"),
        (("trian",), "no such command 'trian'; did you mean 'train'? (see: sad --help)"),
        (
            ("train", "--epch", "3"),
            "no such option: --epch; did you mean --cache, --epochs, --teacher? (see: sad train --help)",
        ),
        (("verify", "--jobs", "many"), "--jobs: it should be a whole number (see: sad verify --help)"),
        (
            ("verify", "--timeout", "0"),
            "name the code to judge: --loss, --collator, --evaluator, --step or --alignment",
        ),
        (("train", "--output", ""), "the flags: output.folder is empty: give it a value, or leave it out"),
        (("cache", "--cache", ""), "the flags: cache.path is empty: give it a value, or leave it out"),
        (
            ("cache", "--cache", "/dev/null/x"),
            "cannot write the cache to /dev/null/x: /dev/null is a file; choose another place with --cache",
        ),
        (
            ("train", "--push-checkpoint", ""),
            "the flags: train.push_checkpoint is empty: give it a value, or leave it out",
        ),
        (("verify", "--jobs", "0"), "--jobs: it should be greater than or equal to 1 (see: sad verify --help)"),
        (("explain",), "missing argument 'CODE' (see: sad explain --help)"),
        (
            ("verify", "--tokenizers", "", "embedded"),
            "--tokenizers: the name of a tokenizer is empty: give its folder, or a hub id",
        ),
        (
            ("verify", "--loss", "a:b", "--step", "c:d"),
            "--loss and --step at once: one call of sad verify judges one of them",
        ),
        (
            ("verify", "--loss", "a:b", "--teacher", "c"),
            "your code and a run at once: one call of sad verify judges one of them",
        ),
        (
            ("explain", "R103", str(NAN), "--set", "R101.odd=1"),
            "R101 has no threshold odd; known: digits, fewer_digits, evaluations, jump, rate_after, zero_records, "
            "update, zeros_both",
        ),
        (
            ("explain", "R203", "--set", "R203.share=x"),
            "--set R203.share=x: a threshold matters where a run is measured: name the run too, such as runs/latest",
        ),
        (("explain", "I08", str(NAN)), f"I08 is no red flag: a run goes with one, such as R203; leave out {NAN}"),
        (("explain", "R999", str(NAN)), "no red flag R999; the codes go from R101 to R507"),
        (("verify", "--list", "--matrix"), "--list and --matrix are 2 answers: give one of them"),
        (("verify", "--loss", "a:b", "--seed", "-1"), "--seed -1: give a whole number from 0 to 4294967295"),
        (
            ("verify", "--loss", "a:b", "--seed", "18446744073709551616"),
            "--seed 18446744073709551616: give a whole number from 0 to 4294967295",
        ),
        (
            ("verify", "--config", "/dev/null"),
            "/dev/null cannot be read as TOML: it is not a regular file; mend it",
        ),
        (
            ("explain", "terms.kd.wieght"),
            "no bug, no property, no red flag and no key of the recipe 'terms.kd.wieght'; "
            "did you mean terms.kd.weight?",
        ),
    ],
    ids=lambda one: " ".join(one[:2]) if isinstance(one, tuple) else "",
)
def test_a_mistake_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], told: str
) -> None:
    assert called(monkeypatch, *words) == 2
    assert capsys.readouterr().err == f"sad: {told}\n"


def test_the_name_of_an_argument_stays_as_the_help_writes_it() -> None:
    assert (
        app._ours("Invalid value for 'WHEEL': path 'a.whl' is not readable.") == "WHEEL: path 'a.whl' is not readable"
    )
    assert app._ours("Missing argument 'CODE'.") == "missing argument 'CODE'"


def test_a_reader_that_goes_away_is_no_mistake() -> None:
    """The output of a command is larger than what a pipe holds."""
    read, write = os.pipe()
    os.close(read)
    call = [sys.executable, "-m", "sad", "verify", "--list"]
    done = subprocess.run(call, stdout=write, stderr=subprocess.PIPE, text=True, timeout=120, check=False)
    os.close(write)
    assert done.returncode == 141
    assert done.stderr == ""


def test_versions_are_told_in_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert called(monkeypatch, "--version") == 0
    out = capsys.readouterr().out
    assert out.startswith(f"sad {__version__} (Python ")
    assert out.count("\n") == 1


@pytest.mark.skipif(sys.platform == "win32", reason="a terminal of its own, and SIGCONT")
@pytest.mark.parametrize("command", [["sad", "doctor"], ["sad_doctor"]])
def test_a_dashboard_that_is_told_to_end_and_to_go_on_ends(command: list[str]) -> None:
    """As `timeout` and systemd tell it: SIGTERM, then SIGCONT."""
    import pty

    log = Path(__file__).parents[3] / "fixtures" / "runs" / "run2.log"
    child, terminal = pty.fork()
    if child == 0:
        os.environ["TERM"] = "xterm-256color"
        os.execv(sys.executable, [sys.executable, "-m", *command, str(log)])
    said = b""
    # one that does not end is a failure, not a test that waits for ever
    late = threading.Timer(120, os.kill, (child, signal.SIGKILL))
    late.start()
    while b"never moved" not in said:
        said += os.read(terminal, 65536)
    os.kill(child, signal.SIGTERM)
    os.kill(child, signal.SIGCONT)
    with contextlib.suppress(OSError):
        # a terminal whose last program has ended cannot be read
        while more := os.read(terminal, 65536):
            said += more
    _, status = os.waitpid(child, 0)
    late.cancel()
    assert os.waitstatus_to_exitcode(status) == 143
    assert said.rindex(b"\x1b[?1049l") > said.rindex(b"\x1b[?1049h")
    assert b"Traceback" not in said
