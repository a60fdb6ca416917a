"""The doctor alone, in an environment that has what it names as its needs, and nothing else.

The environment is a real one, made without a network: its packages are links to those that run this test.
"""

from __future__ import annotations

import ast
import json
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
LIGHT = ROOT / "packages" / "sad-doctor"
RUNS, FOREIGN = ROOT / "fixtures" / "runs", ROOT / "fixtures" / "foreign"
OTHERS = (*(path for path in FOREIGN.iterdir() if path.name not in ("truth.jsonl", "trackio")),)
LOGS = sorted([*RUNS.iterdir(), *OTHERS, FOREIGN / "trackio" / "distil.db"])
HEAVY = (
    "torch",
    "transformers",
    "tokenizers",
    "datasets",
    "accelerate",
    "pandas",
    "pydantic",
    "typer",
    "psutil",
    "sad",
)
WALK = """
import contextlib, importlib, io, json, sys
from pathlib import Path

for name in {heavy!r}:
    with contextlib.suppress(ImportError):
        importlib.import_module(name)
        sys.exit(name + " is there")

from sad_doctor.main import run_doctor
from sad_doctor.request import FORMS, Request

codes = {{}}
for path in map(Path, {logs!r}):
    codes[path.name] = []
    for form in FORMS:
        told = io.StringIO()
        with contextlib.redirect_stdout(told):
            codes[path.name].append(run_doctor(path, Request(form=form)))
        assert len(told.getvalue()) > 100, (path, form)
    page = Path("page.html")
    with contextlib.redirect_stdout(io.StringIO()):
        codes[path.name].append(run_doctor(path, Request(html=page)))
    assert page.stat().st_size > 3000
for path in map(Path, {drawn!r}):
    picture = Path("picture.svg")
    with contextlib.redirect_stdout(io.StringIO()):
        codes[path.name].append(run_doctor(path, Request(svg=picture)))
    assert picture.read_text(encoding="utf-8").startswith("<svg")
print(json.dumps(codes))
"""


def named(pyproject: Path) -> list[str]:
    return list(tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]["dependencies"])


def needs(names: list[str]) -> dict[str, Distribution]:
    """Return the distributions that some requirements lead to."""
    found: dict[str, Distribution] = {}
    waiting = [Requirement(name) for name in names]
    while waiting:
        asked = waiting.pop()
        made = distribution(asked.name)
        extras = asked.extras or {""}
        for one in map(Requirement, made.requires or ()):
            if one.marker is None or any(one.marker.evaluate({"extra": extra}) for extra in extras):
                waiting += [one] if one.name not in found else []
        found[asked.name] = made
    return found


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    build = ["wheel", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", str(folder), str(LIGHT)]
    subprocess.run([*pip, *build], check=True, timeout=300)
    (made,) = folder.glob("sad_doctor-*.whl")
    return made


@pytest.fixture(scope="module")
def programs(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of programs of an environment with the doctor alone."""
    home = tmp_path_factory.mktemp("light")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(home)], check=True, timeout=120)
    (site,) = home.glob("lib/python*/site-packages")
    for made in needs(named(LIGHT / "pyproject.toml")).values():
        for top in {file.parts[0] for file in made.files or () if file.parts[0] not in ("..", "__pycache__")}:
            (site / top).symlink_to(Path(str(made.locate_file(top))).resolve())
    # without --no-deps: pip itself says if a need is not met
    pip = [sys.executable, "-m", "pip", "--python", str(home / "bin" / "python"), "--disable-pip-version-check"]
    subprocess.run([*pip, "install", "--quiet", "--no-index", str(wheel)], check=True, timeout=300)
    return home / "bin"


def run(program: Path, *words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(program), *words], cwd=cwd, env={"LANG": "C.UTF-8"}, capture_output=True, text=True, timeout=300
    )


def test_every_reader_and_every_view_do_without_the_rest(programs: Path, tmp_path: Path) -> None:
    drawn = [str(RUNS / "healthy"), str(RUNS / "run2.log")]
    script = WALK.format(heavy=HEAVY, logs=[str(path) for path in LOGS], drawn=drawn)
    done = run(programs / "python", "-c", script, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    codes = json.loads(done.stdout)
    assert len(codes) > 12
    assert {code for told in codes.values() for code in told} == {0, 1}
    assert all(len(set(told)) == 1 for told in codes.values())
    assert (codes["healthy"][0], codes["run2.log"][0]) == (0, 1)


def test_both_programs_are_there(programs: Path, tmp_path: Path) -> None:
    log = str(RUNS / "run2.log")
    alone = run(programs / "sad-doctor", log, "--report", cwd=tmp_path)
    assert (alone.returncode, alone.stderr) == (1, "")
    assert run(programs / "sad", "doctor", log, "--report", cwd=tmp_path).stdout == alone.stdout
    refused = run(programs / "sad", "train", cwd=tmp_path)
    assert refused.returncode == 2
    assert "doctor alone" in refused.stderr


def test_the_writer_and_its_example_do_without_the_rest(programs: Path, tmp_path: Path) -> None:
    done = run(programs / "python", str(ROOT / "examples" / "record_a_loop.py"), "--steps", "60", cwd=tmp_path)
    assert done.stdout.startswith("0 findings"), done.stderr


def test_it_is_the_same_doctor_under_the_same_license(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as packed:
        names = packed.namelist()
    mine = {name for name in names if ".dist-info/" not in name}
    tree = {path.relative_to(ROOT).as_posix() for path in (ROOT / "sad_doctor").rglob("*") if path.is_file()}
    assert mine == {name for name in tree if "__pycache__" not in name}
    assert any(name.endswith("LICENSE") for name in names)


def test_it_imports_what_it_names_and_nothing_that_comes_with_it_by_chance() -> None:
    found = set()
    for path in (ROOT / "sad_doctor").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                found.add(node.module.partition(".")[0])
    wanted = {Requirement(name).name for name in named(LIGHT / "pyproject.toml")}
    # Run.to_pandas() is for those who have it
    assert found - sys.stdlib_module_names == wanted | {"sad_doctor", "pandas"}


def test_its_needs_have_the_bounds_of_the_whole() -> None:
    whole = named(ROOT / "pyproject.toml")
    assert set(named(LIGHT / "pyproject.toml")) < set(whole)
    scripts = [
        tomllib.loads(path.read_text(encoding="utf-8"))["project"]["scripts"]
        for path in (LIGHT / "pyproject.toml", ROOT / "pyproject.toml")
    ]
    assert scripts[0]["sad-doctor"] == scripts[1]["sad-doctor"] == "sad_doctor.programs:doctor"
    assert set(scripts[0]) == set(scripts[1]) == {"sad", "sad-doctor"}
