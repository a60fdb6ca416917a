import importlib.util
from pathlib import Path

import pytest

from sad_doctor.readers import read

LARGEST = 600_000


def builder(runs: Path, name: str):
    spec = importlib.util.spec_from_file_location(name, runs.parent / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_scripts_write_the_committed_bytes(runs, tmp_path):
    builder(runs, "make_failed_runs").main(tmp_path)
    builder(runs, "make_synthetic_runs").main(tmp_path)
    made, committed = contents(tmp_path), contents(runs)
    assert sorted(made) == sorted(committed)
    assert [name for name in made if made[name] != committed[name]] == []


def test_the_logs_of_reported_faults_are_those_that_their_script_writes(runs, tmp_path):
    builder(runs, "make_reported_runs").main(tmp_path)
    committed = contents(runs.parent / "trainers")
    made = contents(tmp_path)
    assert {name: committed[name] for name in committed if name.startswith("reported_")} == made


def test_the_runs_stay_small(runs):
    assert sum(map(len, contents(runs).values())) < LARGEST


@pytest.mark.parametrize(
    "name", ["run1.log", "run2.log", "run3.log", "run4.log", "postmortem.log", "crash_168_160.log"]
)
def test_every_rebuilt_run_is_described(runs, name):
    assert f"`{name}`" in (runs.parent / "README.md").read_text()


def test_the_layerwise_part_of_the_post_mortem_has_the_range_of_the_record(runs):
    layerwise = read(runs / "postmortem.log").columns["train/raw/layerwise"].value
    assert (layerwise.min(), layerwise.max()) == (14.2065, 160.5575)
