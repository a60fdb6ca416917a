"""What is asked of the doctor beside the verdict: a page with a run's numbers, settings, a band, a good run."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sad_doctor.__main__ import run as command
from sad_doctor.main import renaming, run_doctor
from sad_doctor.request import Request
from sad_doctor.rules import RULES
from sad_doctor.settings import nearest

FIXTURES = Path(__file__).parents[2] / "fixtures" / "runs"


def test_a_rule_is_explained_with_what_it_measured_in_a_run(capsys):
    log = str(FIXTURES / "run2.log")

    assert command([log, "--explain", "R203", "--set", "R203.share=0.99"]) == 0
    out = capsys.readouterr().out
    assert "measured: median share of kd: 0.9398 (threshold `share = 0.99`)" in out
    assert command([log, "--explain", "R999"]) == 2
    assert "no red flag R999; the codes go from R101" in capsys.readouterr().err
    assert command(["nowhere.log", "--explain", "R203"]) == 2


def test_settings_of_a_file_beside_the_run(tmp_path, capsys):
    log = tmp_path / "run2.log"
    log.write_bytes((FIXTURES / "run2.log").read_bytes())
    settings = tmp_path / "sad.toml"
    settings.write_text('[doctor]\nselect = ["R203"]\nband = "seed"\n[doctor.rules.R203]\nshare = 0.99\n')

    assert run_doctor(log, Request(form="json")) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["passed"], len(told["comparisons"])) == (["R203"], 1)
    assert told["notes"][-1] == f"settings of the doctor from {settings}"
    assert run_doctor(log, Request(form="json", thresholds={"R203": {"share": 0.8}})) == 0
    assert [f["rule"] for f in json.loads(capsys.readouterr().out)["findings"]] == ["R203"]
    settings.write_text("[doctor.rules.R203]\nshar = 0.99\n")
    assert run_doctor(log, Request(form="json")) == 2
    assert capsys.readouterr().err == (
        f"sad doctor: {settings}: [doctor.rules.R203]: R203 has no threshold shar; did you mean share?\n"
    )


def test_a_run_beside_a_band_and_a_good_one(capsys):
    good = str(FIXTURES / "healthy")

    assert command([str(FIXTURES / "run2.log"), "--report", "--band", "seed", "--baseline", good]) == 1
    out = " ".join(capsys.readouterr().out.split())
    assert "Above the band at 2 of 2 points" in out
    assert "Only this run has the terms" in out
    assert command([good, "--markdown", "--baseline", good]) == 0
    assert "### Beside healthy" in capsys.readouterr().out
    assert command([good, "--band", "sede"]) == 2
    assert "did you mean seed?" in capsys.readouterr().err
    assert command([good, "--report", "--baseline", "nowhere"]) == 2


def test_a_band_and_a_good_run_stand_in_the_page_too(tmp_path, capsys):
    page = tmp_path / "page.html"

    good = str(FIXTURES / "healthy")
    assert command([str(FIXTURES / "run2.log"), "--html", str(page), "--band", "seed", "--baseline", good]) == 1

    told = page.read_text(encoding="utf-8")
    assert "<h2>Beside healthy</h2>" in told
    assert "Above the band at 2 of 2 points" in told
    capsys.readouterr()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "name a run: a folder of `sad train`, or a log file (--help lists the options)"),
        (["LOG", "--nope"], "unrecognized arguments: --nope (--help lists the options)"),
        (["LOG", "--to", "5"], "unrecognized arguments: --to 5 (--help lists the options)"),
        (["LOG", "--json", "--report"], "--report: not allowed with argument --json (--help lists the options)"),
        (["LOG", "--total-steps", "x"], "--total-steps: invalid float value: 'x' (--help lists the options)"),
        (["LOG", "--set", "R203"], "--set R203: write it as RULE.name=number, for example R203.share=0.9"),
        (["LOG", "--idle", "5"], "--idle says when --follow ends: give --follow too"),
        (
            ["LOG", "--map", "a=eval/loss", "--map", "b=eval/loss"],
            "--map b=eval/loss: another column is eval/loss already: a column of ours takes one of theirs",
        ),
        (["LOG", "--baseline", ""], "--baseline: the name of a run is empty: name a good run"),
        (
            ["LOG", "--baseline", "no-run"],
            "--baseline: no-run: there is no such file or folder: name a run folder or a log that is there",
        ),
        (
            ["http://example.com/a.log"],
            "http://example.com/a.log: an address is not read: download the log, then name the file",
        ),
        (
            ["LOG", "--map", "a=b=c"],
            "--map a=b=c: c is none of the doctor's names; such are train/loss, train/raw/kd and eval/loss",
        ),
        (
            ["LOG", "--select", "R999"],
            f"no red flag 'R999'; the codes go from R101 to {max(rule.code for rule in RULES)}",
        ),
        (["--explain", "no-rule"], f"no red flag no-rule; {nearest('no-rule')}"),
    ],
)
def test_a_wrong_use_is_one_line(words, said, capsys):
    given = [str(FIXTURES / "run2.log") if word == "LOG" else word for word in words]
    try:
        code = command(given)
    except SystemExit as end:
        code = end.code

    assert code == 2
    assert capsys.readouterr() == ("", f"sad doctor: {said}\n")


def test_word_is_sent_beside_a_baseline(tmp_path, capsys):
    told, good = tmp_path / "told", str(FIXTURES / "healthy")

    assert command([str(FIXTURES / "run2.log"), "--baseline", good, "--report", "--notify", f"cat >>{told}"]) == 1

    assert "R101 weights-frozen" in told.read_text()
    assert "Beside healthy" in capsys.readouterr().out


def test_explain_of_sad_takes_a_run():
    def explain(*words):
        root = FIXTURES.parents[1]
        done = subprocess.run([sys.executable, str(root / "sad.py"), "explain", *words], capture_output=True, text=True)
        return done.returncode, done.stdout, done.stderr

    code, out, _ = explain("R203", str(FIXTURES / "run2.log"), "--set", "R203.share=0.99")
    assert code == 0
    assert "## In this run" in out
    assert "it passed." in out
    code, out, err = explain("V101", str(FIXTURES / "run2.log"))
    assert (code, out) == (2, "")
    assert "V101 is no red flag: a run goes with one, such as R203" in err


@pytest.mark.parametrize(
    "words",
    [
        *(("NAME",), ("LOG", "--html", "NAME"), ("LOG", "--baseline", "NAME"), ("LOG", "--band", "NAME")),
        *(("NAME", "--follow", "--idle", "0.1"), ("--explain", "R203", "NAME")),
    ],
)
def test_a_name_that_no_file_can_have_is_one_line(words, capsys):
    known = {"NAME": "x" * 300, "LOG": str(FIXTURES / "run2.log")}

    assert command([known.get(word, word) for word in words]) == 2

    err = capsys.readouterr().err
    assert err.startswith("sad doctor: ")
    assert err.count("\n") == 1


@pytest.mark.parametrize("option", ["--html", "--svg"])
def test_the_log_is_never_overwritten(option, tmp_path, capsys):
    log, good, settings = tmp_path / "run.csv", tmp_path / "good.csv", tmp_path / "sad.toml"
    for file in (log, good):
        file.write_bytes((FIXTURES / "metrics.csv").read_bytes())
    settings.write_text('[doctor]\nbaseline = "good.csv"\n')
    before = [file.read_bytes() for file in (log, good, settings)]

    for target in (log, good, settings):
        assert command([str(log), option, str(target)]) == 2
        told = capsys.readouterr()
        assert told.out == ""
        assert told.err == f"sad doctor: {option} {target}: it would overwrite what is read: name another file\n"
    assert [file.read_bytes() for file in (log, good, settings)] == before


@pytest.mark.parametrize("steps", ["-5", "nan", "0", "1e999"])
def test_a_length_that_is_none_is_refused(steps, capsys):
    assert command([str(FIXTURES / "metrics.csv"), "--report", "--total-steps", steps]) == 2
    told = capsys.readouterr()
    assert (told.out, told.err.count("\n")) == ("", 1)
    assert "it is a number of steps above 0" in told.err


def test_a_length_that_is_passed_already_is_noted(capsys):
    command([str(FIXTURES / "metrics.csv"), "--report", "--total-steps", "10"])
    assert "told 10 steps in all, but step 295 is logged already" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--set", "R203.share=-5"], "R203.share is a finite number, at least 0, not -5"),
        (["--set", "foo.bar=1"], "no red flag foo; the codes go from R101 "),
        (["--select", "R105", "--ignore", "R105"], "no rule is left"),
    ],
)
def test_a_wrong_choice_is_one_line(words, says, capsys):
    assert command([str(FIXTURES / "metrics.csv"), "--report", *words]) == 2
    told = capsys.readouterr()
    assert (told.out, told.err.count("\n")) == ("", 1)
    assert says in told.err
    assert len(told.err) < 200


def test_an_empty_name_is_no_folder(capsys):
    assert command([""]) == 2
    assert "the name of a run is empty" in capsys.readouterr().err


def test_from_a_working_directory_that_is_gone(tmp_path):
    gone = tmp_path / "gone"
    gone.mkdir()
    script = f'cd "{gone}" && rmdir "{gone}" && "{sys.executable}" "{FIXTURES.parents[1] / "sad.py"}" doctor '
    known = {**os.environ, "PYTHONPATH": str(FIXTURES.parents[1])}
    for log, code in ((f'"{FIXTURES / "metrics.csv"}"', 0), ("metrics.csv", 2)):
        done = subprocess.run(script + log + " --report", shell=True, env=known, capture_output=True, text=True)
        assert done.returncode == code
        assert "Traceback" not in done.stderr


def test_explain_of_a_word_that_is_no_rule():
    root = FIXTURES.parents[1]
    for word, says in (("R10", "there are R101, R102"), ("loss-spke", "did you mean loss-spike?")):
        done = subprocess.run([sys.executable, str(root / "sad.py"), "explain", word], capture_output=True, text=True)
        assert done.returncode == 2
        assert says in done.stderr


def test_a_column_that_ends_in_the_word_is_meant():
    with pytest.raises(ValueError, match="did you mean train/loss"):
        renaming(["loss=loss"])


@pytest.mark.parametrize("form", ["report", "json", "markdown"])
def test_one_record_is_not_healthy(form, tmp_path, capsys):
    (tmp_path / "train.jsonl").write_text('{"step": 1, "train/loss": 3.2}\n')

    assert run_doctor(tmp_path / "train.jsonl", Request(form=form)) == 3
    told = capsys.readouterr().out
    assert '"status": "unjudged"' in told if form == "json" else "Too little to judge: 1 record of a loss" in told


@pytest.mark.parametrize(
    ("facts", "fault"),
    [("[" * 5000, "it is nested too deeply"), ("{,", "it is no JSON"), ("3", "it is no JSON object")],
)
def test_facts_that_cannot_be_read_are_told_first(facts, fault, tmp_path, capsys):
    (tmp_path / "run.json").write_text(facts)
    (tmp_path / "metrics.jsonl").write_text(
        "".join(f'{{"step": {i}, "train/loss": {9 - i / 50}}}\n' for i in range(99))
    )

    assert run_doctor(tmp_path, Request(form="markdown")) == 0
    assert capsys.readouterr().out.startswith(f"**The facts in run.json cannot be read: {fault}")
