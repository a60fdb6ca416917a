"""What a bug report tells: all that matters, and nothing secret."""

from __future__ import annotations

import json
import os
import platform
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
import torch
from typer.testing import CliRunner

from sad.cli import environment
from sad.cli.app import app
from sad.version import __version__


def test_the_headline_has_the_versions_that_are_installed() -> None:
    told = environment.headline()
    assert told.startswith(f"sad {__version__} (Python {platform.python_version()}, torch ")
    assert "\n" not in told
    assert environment.versions(("torch", "no-such-library")).keys() == {"torch"}


def test_home_is_a_tilde_and_what_is_secret_is_not_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SAD_CACHE", str(tmp_path / "kept\x1b[31m"))
    for name in ("HF_TOKEN", "WANDB_API_KEY", "HTTPS_PROXY", "HF_ENDPOINT"):
        monkeypatch.setenv(name, "s3cret")
    monkeypatch.chdir(tmp_path)
    told = json.dumps(environment.facts())
    assert "s3cret" not in told
    assert str(tmp_path) not in told
    found = json.loads(told)
    assert found["folders"]["working"] == "~"
    assert found["folders"]["sad"] == found["environment"]["SAD_CACHE"] == "~/kept"
    assert found["processor"]["cores"] == os.cpu_count()


def test_the_names_that_are_told_hold_no_secret_by_their_nature() -> None:
    assert not [name for name in environment.TOLD if any(word in name for word in ("TOKEN", "KEY", "PROXY", "SECRET"))]


def test_the_command_prints_lines_or_json() -> None:
    done = CliRunner().invoke(app, ["env"])
    assert done.exit_code == 0
    assert done.output.splitlines()[0] == f"sad: {__version__}"
    assert "libraries: torch " in done.output
    parsed = json.loads(CliRunner().invoke(app, ["env", "--json"]).output)
    assert parsed["schema"] == environment.SCHEMA
    assert parsed["libraries"]["torch"] in done.output


def test_without_a_home_it_says_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError

    for name in ("SAD_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    assert "set SAD_CACHE" in environment.facts()["folders"]["sad"]


def test_the_machine_is_described(monkeypatch: pytest.MonkeyPatch) -> None:
    card = SimpleNamespace(name="A card", total_memory=80e9, major=9, minor=0)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: card)
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 2}, raising=False)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(total=16e9, available=3.25e9))
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: "vendor_id : x\nmodel name : A processor\x1b[1m @ 2 GHz\n")
    told = environment.facts()
    assert told["accelerators"] == ["A card, 80 GB, capability 9.0", "CUDA 13.0"]
    assert told["processor"] == {"name": "A processor @ 2 GHz", "cores": os.cpu_count(), "usable": 2}
    assert told["memory"] == {"total": "16.0 GB", "available": "3.2 GB"}
