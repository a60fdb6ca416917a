"""Builds both distributions and checks them as a stranger would meet them; publishes nothing.

What is installed is the wheel in dist/. That which pip makes from the source distribution has the same files with the
same bytes; of the list of their hashes only the order may differ.

    python tools/release.py                # everything, into dist/
    python tools/release.py build doctor   # some of it: notes, build, metadata, doctor, whole

Whoever releases runs it, sets a tag and uploads dist/ by hand. Exit code 1 and one line where something is wrong.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import venv
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DIST = ROOT / "dist"
SICK = ROOT / "fixtures" / "runs" / "run2.log"
_VERSION = re.compile(r'^__version__ = "(\d+\.\d+\.\d+(?:(?:a|b|rc)\d+)?)"$', re.MULTILINE)


class ReleaseError(Exception):
    """Why this is no release. The message is one line."""


def version(root: Path = ROOT) -> str:
    """Return the version of a checkout, from its only place."""
    found = _VERSION.findall((root / "sad" / "version.py").read_text(encoding="utf-8"))
    if len(found) != 1:
        raise ReleaseError('sad/version.py has no line like __version__ = "1.2.3"')
    return str(found[0])


def notes(root: Path = ROOT) -> str:
    """Return what the changelog says of the version. Raises ReleaseError where that is not whole."""
    wanted, text = version(root), (root / "CHANGELOG.md").read_text(encoding="utf-8")
    parts = {
        heading.split(" ")[0]: body.strip()
        for heading, body in re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    }
    if not parts.get(wanted):
        raise ReleaseError(f"CHANGELOG.md has nothing under '## {wanted}': write what a user notices, with the day")
    if parts.get("Unreleased"):
        raise ReleaseError(f"CHANGELOG.md has entries under '## Unreleased': put them under '## {wanted}'")
    if not re.search(rf"^## {re.escape(wanted)} - \d{{4}}-\d\d-\d\d$", text, re.MULTILINE):
        raise ReleaseError(f"CHANGELOG.md does not say when: write '## {wanted} - YEAR-MONTH-DAY'")
    for file in ("pyproject.toml", "packages/sad-doctor/pyproject.toml"):
        if re.search(r'^version = "', (root / file).read_text(encoding="utf-8"), re.MULTILINE):
            raise ReleaseError(f"{file} has a version of its own: its only place is sad/version.py")
    return parts[wanted]


def names(archive: Path) -> set[str]:
    """Return the files in a wheel, or in a source distribution without its outermost folder."""
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            return {name for name in wheel.namelist() if not name.endswith("/")}
    with tarfile.open(archive) as source:
        return {member.name.partition("/")[2] for member in source.getmembers() if member.isfile()}


def contents(wheel: Path) -> dict[str, bytes]:
    """Return the files of a wheel; of its RECORD the lines, sorted."""
    with zipfile.ZipFile(wheel) as opened:
        found = {name: opened.read(name) for name in names(wheel)}
    return {
        name: b"\n".join(sorted(held.splitlines())) if name.endswith(".dist-info/RECORD") else held
        for name, held in found.items()
    }


def differing(one: Path, other: Path) -> list[str]:
    """Return the files that only one of two wheels has, or that have other bytes in each."""
    first, second = contents(one), contents(other)
    return sorted(name for name in first.keys() | second.keys() if first.get(name) != second.get(name))


def stray(files: set[str]) -> set[str]:
    """Return the files that no release should have: of editors, of caches, of runs."""
    bad = re.compile(
        r"(^|/)(__pycache__|\.pytest_cache|\.mypy_cache|\.venv|runs/20[^/]*|dist|build)/|\.pyc$|~$|\.orig$"
    )
    return {name for name in files if bad.search(name)}


def check_notes(_work: Path) -> None:
    """The changelog knows the version."""
    notes()


def build(work: Path) -> None:
    """Both distributions, each as source and wheel; the wheel that pip makes from the source holds the same bytes."""
    shutil.rmtree(DIST, ignore_errors=True)
    for folder in (ROOT, ROOT / "packages" / "sad-doctor"):
        run(sys.executable, "-m", "hatchling", "build", "-d", DIST, cwd=folder)
    built = sorted(DIST.iterdir())
    if len(built) != 4 or not all(version() in path.name for path in built):
        raise ReleaseError(
            f"dist/ should hold two sources and two wheels of {version()}: {[path.name for path in built]}"
        )
    for path in built:
        if bad := stray(names(path)):
            raise ReleaseError(f"{path.name} holds what it should not: {', '.join(sorted(bad)[:3])}")
    for source in DIST.glob("*.tar.gz"):
        again = work / source.name
        run(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", again, source)
        (other,) = again.iterdir()
        if apart := differing(other, DIST / other.name):
            raise ReleaseError(f"the wheel from {source.name} is another one: {', '.join(apart[:3])}")


def check_metadata(work: Path) -> None:
    """A package index takes what is in dist/."""
    python = environment(work / "twine", "twine")
    run(python, "-m", "twine", "check", "--strict", *sorted(DIST.iterdir()))


def check_doctor(work: Path) -> None:
    """The doctor alone, in an environment that has nothing else, reads a sick log."""
    python = environment(work / "doctor", *DIST.glob("sad_doctor-*.whl"))
    program = python.parent / "sad-doctor"
    run(program, "--help", cwd=work)
    run(program, SICK, "--report", cwd=work, code=1)
    run(python.parent / "sad", "explain", "R101", cwd=work)
    run(python, "-c", "import sad_doctor, sys; sys.exit('torch' in sys.modules)", cwd=work)


def check_whole(work: Path) -> None:
    """All of it, with pinned dependencies: help, some bugs, the embedded pair for two steps, its log and a sick one."""
    python = environment(work / "whole", "-c", ROOT / "constraints.txt", *DIST.glob("student_aware_*.whl"))
    sad = python.parent / "sad"
    said = run(sad, "--version", cwd=work)
    if version() not in said:
        raise ReleaseError(f"sad --version says {said.strip()!r}, not {version()}")
    run(sad, "--help", cwd=work)
    run(sad, "verify", "V104", "V105", cwd=work)
    run(sad, "train", "--max-steps", "2", "--set", "data.eval_windows=2", cwd=work)
    run(sad, "doctor", SICK, "--report", cwd=work, code=1)
    if not (work / "runs" / "latest" / "metrics.jsonl").is_file():
        raise ReleaseError("sad train left no record in runs/latest")


STAGES: dict[str, Callable[[Path], None]] = {
    "notes": check_notes,
    "build": build,
    "metadata": check_metadata,
    "doctor": check_doctor,
    "whole": check_whole,
}


def environment(folder: Path, *packages: str | Path) -> Path:
    """Make an environment with packages in it; return its Python."""
    venv.create(folder, with_pip=True)
    python = folder / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    run(python, "-m", "pip", "install", "-q", "--disable-pip-version-check", *packages)
    return python


def run(*words: str | Path, cwd: Path = ROOT, code: int = 0) -> str:
    """Run a program and return what it printed. Raises ReleaseError where it ends with another code."""
    said = [str(word) for word in words]
    done = subprocess.run(said, cwd=cwd, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    if done.returncode != code:
        told = " ".join((done.stderr or done.stdout).split())[-500:]
        raise ReleaseError(f"{' '.join(said)} ended with {done.returncode}, not {code}: {told}")
    return done.stdout


def main(words: Sequence[str] | None = None) -> int:
    """Run the stages that are named, or all; return 1 at the first that fails."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("stages", nargs="*", metavar="STAGE", help=", ".join(STAGES))
    wanted = parser.parse_args(words).stages or list(STAGES)
    if unknown := [name for name in wanted if name not in STAGES]:
        parser.error(f"no stage {unknown[0]}: there are {', '.join(STAGES)}")
    for name in wanted:
        with tempfile.TemporaryDirectory(prefix="sad-release-") as work:
            try:
                STAGES[name](Path(work))
            except ReleaseError as problem:
                print(f"{name}: {problem}", file=sys.stderr)
                return 1
        print(f"{name}: {(STAGES[name].__doc__ or '').strip()}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
