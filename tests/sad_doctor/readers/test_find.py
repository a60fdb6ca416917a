import os
from pathlib import Path

from sad_doctor.readers import find
from sad_doctor.readers.find import last_written, search


def is_run(path: Path) -> bool:
    return (path / "run.json").exists() if path.is_dir() else path.read_text() == "log"


def make(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("log" if not name.endswith("run.json") else "{}")


def found(folder: Path) -> list[str]:
    return [str(path.relative_to(folder)) for path in search(folder, is_run).runs]


def test_logs_of_the_folder_come_first(tmp_path):
    make(tmp_path, "b.log", "a.csv", "sub/run.json", "picture.png")
    assert found(tmp_path) == ["a.csv", "b.log"]


def test_runs_one_level_down_without_links_to_them(tmp_path):
    make(tmp_path, "b/run.json", "a/run.json")
    (tmp_path / "latest").symlink_to("b")
    assert found(tmp_path) == ["a", "b"]


def test_a_link_to_elsewhere_counts(tmp_path):
    make(tmp_path, "away/b/run.json", "here/other.bin")
    (tmp_path / "here" / "latest").symlink_to(tmp_path / "away" / "b")
    assert found(tmp_path / "here") == ["latest"]


def test_of_checkpoints_the_newest_by_number_counts(tmp_path):
    make(tmp_path, "checkpoint-900/trainer_state.json", "checkpoint-1000/trainer_state.json", "model.bin")
    assert found(tmp_path) == ["checkpoint-1000/trainer_state.json"]


def test_logs_one_level_down(tmp_path):
    make(tmp_path, "version_0/metrics.csv", "version_0/hparams.yaml")
    assert found(tmp_path) == ["version_0/metrics.csv"]


def test_hidden_and_missing_folders_hold_nothing(tmp_path):
    make(tmp_path, ".cache/run.json", ".a.log")
    assert found(tmp_path) == []
    assert found(tmp_path / "none") == []


def test_links_in_a_circle_are_passed_over(tmp_path):
    make(tmp_path, "a.log")
    (tmp_path / "one").symlink_to("two")
    (tmp_path / "two").symlink_to("one")
    (tmp_path / "self").symlink_to(".")
    assert found(tmp_path) == ["a.log"]


def test_logs_two_levels_down(tmp_path):
    make(tmp_path, "lightning_logs/version_0/metrics.csv", "deep/er/and/a.log")
    assert found(tmp_path) == ["lightning_logs/version_0/metrics.csv"]


def test_a_loose_log_does_not_hide_what_is_skipped_or_below(tmp_path):
    make(tmp_path, "a.log", "sub/run.json")
    (tmp_path / "b.csv").write_text("none")
    (tmp_path / "notes.txt").write_text("none")
    looked = search(tmp_path, is_run)
    assert [looked.runs, looked.skipped, looked.below] == [[tmp_path / n] for n in ("a.log", "b.csv", "sub")]
    assert not looked.cut


def test_a_search_ends(tmp_path, monkeypatch):
    monkeypatch.setattr(find, "MOST_LOOKED_AT", 20)
    for i in range(10):
        make(tmp_path, *(f"d{i}/e{j}/a.txt" for j in range(5)))
    seen = []
    looked = search(tmp_path, lambda path: seen.append(path) is not None)
    assert len(seen) == 20
    assert looked.cut
    assert looked.runs == []


def test_a_search_on_a_slow_disc_ends_too(tmp_path, monkeypatch):
    make(tmp_path, "a.log", "b.log")
    monkeypatch.setattr(find, "LONGEST", -1.0)
    looked = search(tmp_path, is_run)
    assert looked.cut
    assert looked.runs == []


def test_when_a_run_was_written(tmp_path):
    for name, when in (("a", 1e9), ("b", 2e9)):
        (tmp_path / name).write_text("")
        os.utime(tmp_path / name, (when, when))
    assert last_written(tmp_path / "a") == 1e9
    assert last_written(tmp_path) == 2e9
    assert last_written(tmp_path / "none") == 0
