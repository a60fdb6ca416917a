from pathlib import Path

import pytest

from sad_doctor.comparing import comparing, read
from sad_doctor.readers import Unreadable, open_log
from sad_doctor.readers.renamed import named
from sad_doctor.settings import Settings

RUNS = Path(__file__).parents[2] / "fixtures" / "runs"
HEALTHY = RUNS / "healthy"
BAND = '[["train/loss"]]\nat = [0.5, 1.0]\nlow = [0, 0]\nhigh = [99, 99]\n'


def test_paths_in_a_file_are_relative_to_it(tmp_path, monkeypatch):
    (tmp_path / "good").symlink_to(HEALTHY)
    (tmp_path / "ours.toml").write_text(BAND)
    (tmp_path / "else").mkdir()
    monkeypatch.chdir(tmp_path / "else")

    compare, good = comparing(None, None, Settings(tmp_path / "sad.toml", band="ours.toml", baseline="good"))
    assert good == tmp_path / "good"
    titles = [one.title for one in compare(read(open_log(HEALTHY)))]
    assert titles == ["Beside ours", "Beside healthy"]
    assert comparing("seed", None, Settings(tmp_path / "sad.toml", band="no.toml"))[1] is None


def test_a_mistake_names_where_it_was_written(tmp_path):
    file = tmp_path / "sad.toml"
    with pytest.raises(ValueError, match=r"sad\.toml: band .*sede: no band and no file"):
        comparing(None, None, Settings(file, band="sede"))
    with pytest.raises(Unreadable, match=r"sad\.toml: baseline: .*nowhere: there is no such file"):
        comparing(None, None, Settings(file, baseline="nowhere"))
    with pytest.raises(ValueError, match=r"^--band sede"):
        comparing("sede", None, Settings(file))
    with pytest.raises(Unreadable, match=r"^--baseline: nowhere: there is no such file"):
        comparing(None, "nowhere", Settings(file))


def test_nothing_asked_for_is_nothing_beside():
    compare, good = comparing(None, None, Settings())
    assert (compare(read(open_log(HEALTHY))), good) == ((), None)


def _read(log):
    source = open_log(log)
    read(source)
    return source


def test_names_that_were_given_are_those_of_the_good_run_too(tmp_path):
    log = tmp_path / "other.jsonl"
    log.write_text("".join(f'{{"step": {step}, "loss": 3, "soft_thing": {step}.5}}\n' for step in range(20)))
    columns = {"soft_thing": "train/raw/kd", "of_the_run_alone": "train/raw/lm"}

    (found,) = comparing(None, log, Settings(), columns)[0](named(_read(log), {"soft_thing": "train/raw/kd"}).run())
    assert "the term kd" in {row.what for row in found.rows}
    assert not any("Only" in note for note in found.notes)


def test_a_sick_good_run_is_called_so_first():
    run, headlines = read(open_log(HEALTHY)), {}
    for name in ("healthy", "run2.log"):
        (found,) = comparing(None, RUNS / name, Settings())[0](run)
        headlines[name] = found.headline
    assert headlines["healthy"].startswith("Like healthy at all of")
    assert headlines["run2.log"].startswith("run2.log has a red flag itself, R101: The weights never moved")
    assert " Unlike run2.log from " in headlines["run2.log"]
