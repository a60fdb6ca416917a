"""What is asked of the doctor beside the verdict: a page with a run's numbers, settings, a band, a good run."""

import json
import subprocess
import sys
from pathlib import Path

from sad_doctor.__main__ import run as command
from sad_doctor.main import run_doctor

FIXTURES = Path(__file__).parents[2] / "fixtures" / "runs"


def test_a_rule_is_explained_with_what_it_measured_in_a_run(capsys):
    log = str(FIXTURES / "run2.log")

    assert command([log, "--explain", "R203", "--set", "R203.share=0.99"]) == 0
    out = capsys.readouterr().out
    assert "measured: median share of kd: 0.9398 (threshold `share = 0.99`)" in out
    assert command([log, "--explain", "R999"]) == 2
    assert "did you mean" in capsys.readouterr().err
    assert command(["nowhere.log", "--explain", "R203"]) == 2


def test_settings_of_a_file_beside_the_run(tmp_path, capsys):
    log = tmp_path / "run2.log"
    log.write_bytes((FIXTURES / "run2.log").read_bytes())
    settings = tmp_path / "sad.toml"
    settings.write_text('[doctor]\nselect = ["R203"]\nband = "seed"\n[doctor.rules.R203]\nshare = 0.99\n')

    assert run_doctor(log, form="json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["passed"], len(told["comparisons"])) == (["R203"], 1)
    assert told["notes"][-1] == f"settings of the doctor from {settings}"
    assert run_doctor(log, form="json", thresholds={"R203": {"share": 0.8}}) == 0
    assert [f["rule"] for f in json.loads(capsys.readouterr().out)["findings"]] == ["R203"]
    settings.write_text("[doctor.rules.R203]\nshar = 0.99\n")
    assert run_doctor(log, form="json") == 2
    assert capsys.readouterr().err == (
        f"sad doctor: {settings}: [doctor.rules.R203]: R203 has no threshold shar; it has: share, often, most, "
        "sometimes, window, gradients, target, target_kd; did you mean share?\n"
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
    assert "V101 is a bug" in err
