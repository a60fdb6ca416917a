from pathlib import Path

import pytest

from sad_doctor import programs
from sad_doctor.programs import doctor, sad

LOG = str(Path(__file__).parents[2] / "fixtures" / "runs" / "run2.log")


def test_both_ways_lead_to_the_doctor(capsys):
    assert doctor([LOG, "--report"]) == 1
    first = capsys.readouterr().out
    assert sad(["doctor", LOG, "--report"]) == 1
    assert capsys.readouterr().out == first
    assert first.startswith("The weights never moved")


def test_each_is_called_by_its_name_in_its_help(capsys):
    for call, name in ((doctor, "sad-doctor"), (lambda words: sad(["doctor", *words]), "sad doctor")):
        with pytest.raises(SystemExit, match="0"):
            call(["--help"])
        out = capsys.readouterr().out
        assert out.startswith(f"usage: {name} ")
        assert out.endswith(f"example: {name} train.log --report\n")


def test_a_page_is_printed(capsys):
    assert sad(["explain", "R203"]) == 0
    assert capsys.readouterr().out.startswith("# R203")


@pytest.mark.parametrize(("words", "out"), [([], "Usage: sad doctor RUN"), (["--help"], "Usage: sad doctor RUN")])
def test_without_words_it_says_what_there_is(words, out, capsys):
    assert sad(words) == 0
    assert capsys.readouterr().out.startswith(out)


def test_the_version_is_that_of_the_distribution(capsys, monkeypatch):
    monkeypatch.setattr("importlib.metadata.version", lambda name: {"sad-doctor": "1.2"}[name])
    assert sad(["--version"]) == 0
    assert capsys.readouterr().out == "sad 1.2, the doctor alone\n"


@pytest.mark.parametrize(
    ("word", "why"),
    [("train", "this is the doctor alone"), ("env", "this is the doctor alone"), ("dcotor", "no such command")],
)
def test_what_is_not_there_is_one_line(word, why, capsys):
    assert sad([word, "--epochs", "3"]) == 2
    assert capsys.readouterr().err == f"sad: {word}: {why}; it has doctor and explain (see: sad --help)\n"


def test_ctrl_c_is_no_traceback(monkeypatch):
    def stopped(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(programs, "run", stopped)
    assert doctor([LOG]) == 130
