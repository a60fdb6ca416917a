"""What docs/doctor.md tells people to type can be typed."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from sad_doctor.__main__ import parser
from sad_doctor.check import check
from sad_doctor.readers import read

ROOT = Path(__file__).parents[1]
PAGES = [(ROOT / name).read_text(encoding="utf-8") for name in ("docs/doctor.md", "docs/json-report.md", "README.md")]


def blocks(language: str) -> list[str]:
    return [block for page in PAGES for block in re.findall(rf"^```{language}\n(.*?)^```", page, re.M | re.S)]


def test_every_command_of_the_doctor_is_one() -> None:
    lines = [line for block in blocks("sh") for line in block.splitlines() if line.startswith("sad doctor ")]
    assert len(lines) > 12
    for line in lines:
        words = shlex.split(line.partition(" | ")[0], comments=True)[2:]
        words = words[: words.index(">")] if ">" in words else words
        assert parser().parse_args(words).run, line


def test_the_loop_and_the_reader_run_as_they_stand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    loop, reader = (block for block in blocks("python") if "sad_doctor import" in block)
    values = {"loss": 3.0, "kd": 1.0, "lm": 2.0, "rate": 0.0, "norm": 1.0}
    exec(loop, dict(values))
    assert check(read("runs/mine")).stories[0].finding.rule == "R101"
    exec(reader, {})
    assert capsys.readouterr().out.startswith("ERROR The weights never moved")
    steps = [line for line in loop.splitlines() if "ecord" in line]
    assert len(steps) == 3


def test_links_of_the_pages_lead_somewhere() -> None:
    for folder, page in zip(("docs", "docs", "."), PAGES, strict=True):
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page):
            assert target.startswith("http") or (ROOT / folder / target).exists(), target
