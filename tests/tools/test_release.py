"""What the release script refuses, and that this checkout passes what can be asked quickly."""

from __future__ import annotations

import importlib.util
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_SPEC = importlib.util.spec_from_file_location("release", ROOT / "tools" / "release.py")
assert _SPEC is not None
assert _SPEC.loader is not None
release = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(release)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for place, text in {
        "sad/version.py": '__version__ = "1.2.3"\n',
        "CHANGELOG.md": "# Changelog\n\n## 1.2.3 - 2026-01-02\n- new\n\n## 1.2.2 - 2026-01-01\n- old\n",
        "pyproject.toml": '[project]\ndynamic = ["version"]\n',
        "packages/sad-doctor/pyproject.toml": "",
    }.items():
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_text(text, encoding="utf-8")
    return tmp_path


def test_this_checkout_has_notes_for_its_version() -> None:
    assert "sad verify" in release.notes()


def test_both_distributions_have_the_same_license() -> None:
    alone = ROOT / "packages" / "sad-doctor" / "LICENSE"
    assert alone.read_bytes() == (ROOT / "LICENSE").read_bytes()


def test_the_notes_are_those_of_the_version(checkout: Path) -> None:
    assert release.notes(checkout) == "- new"


@pytest.mark.parametrize(
    ("file", "text", "says"),
    [
        ("CHANGELOG.md", "## 1.2.2 - 2026-01-01\n- old\n", "nothing under '## 1.2.3'"),
        ("CHANGELOG.md", "## Unreleased\n- more\n\n## 1.2.3 - 2026-01-02\n- new\n", "under '## Unreleased'"),
        ("CHANGELOG.md", "## 1.2.3\n- new\n", "does not say when"),
        ("sad/version.py", "__version__ = '1.2'\n", "no line like"),
        ("pyproject.toml", '[project]\nversion = "1.2.3"\n', "a version of its own"),
    ],
)
def test_what_is_no_release_is_refused(checkout: Path, file: str, text: str, says: str) -> None:
    (checkout / file).write_text(text, encoding="utf-8")
    with pytest.raises(release.ReleaseError, match=says):
        release.notes(checkout)


def test_what_does_not_belong_into_an_archive_is_seen(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a-1-py3-none-any.whl", "w") as wheel:
        for name in ("sad/cli/app.py", "sad/__pycache__/cli.pyc", "runs/2026-01-01/run.json", "fixtures/runs/run2.log"):
            wheel.writestr(name, "")
    found = release.names(tmp_path / "a-1-py3-none-any.whl")
    assert release.stray(found) == {"sad/__pycache__/cli.pyc", "runs/2026-01-01/run.json"}


def wheel(path: Path, files: dict[str, str]) -> Path:
    with zipfile.ZipFile(path, "w") as opened:
        for name, text in files.items():
            opened.writestr(name, text)
    return path


def test_wheels_are_compared_by_what_their_files_hold(tmp_path: Path) -> None:
    files = {"sad/a.py": "x = 1\n", "sad-1.dist-info/RECORD": "a,1\nb,2\n"}
    first = wheel(tmp_path / "first.whl", files)
    again = wheel(tmp_path / "again.whl", {**dict(reversed(files.items())), "sad-1.dist-info/RECORD": "b,2\na,1\n"})
    assert release.differing(first, again) == []
    for changed, apart in (
        ({**files, "sad/a.py": "x = 2\n"}, "sad/a.py"),
        ({**files, "sad/b.py": ""}, "sad/b.py"),
        ({**files, "sad-1.dist-info/RECORD": "a,1\n"}, "sad-1.dist-info/RECORD"),
    ):
        assert release.differing(first, wheel(tmp_path / "other.whl", changed)) == [apart]


def test_a_program_that_ends_otherwise_is_one_line() -> None:
    assert release.run(sys.executable, "-c", "print(3)") == "3\n"
    with pytest.raises(release.ReleaseError, match="ended with 4, not 0: no") as error:
        release.run(sys.executable, "-c", "import sys; print('no', file=sys.stderr); sys.exit(4)")
    assert "\n" not in str(error.value)


def test_an_unknown_stage_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        release.main(["buld"])
    assert "no stage buld: there are notes, build" in capsys.readouterr().err
    assert release.main(["notes"]) == 0
