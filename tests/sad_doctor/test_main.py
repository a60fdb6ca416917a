import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sad_doctor.__main__ import run as command
from sad_doctor.finding import Crashed, Report
from sad_doctor.main import explain, renaming, run_doctor
from sad_doctor.request import Request
from sad_doctor.rules import RULES
from sad_doctor.settings import chosen, threshold, thresholds
from sad_doctor.visit import exit_code

FIXTURES = Path(__file__).parents[2] / "fixtures" / "runs"


def stories(capsys, name):
    run_doctor(FIXTURES / name, Request(form="json"))
    told = json.loads(capsys.readouterr().out)
    code = {i: f["rule"] for i, f in enumerate(told["findings"])}
    return told, [(code[s["finding"]], [code[i] for i in s["consequences"]]) for s in told["stories"]]


def test_run_2_says_first_that_the_weights_never_moved(capsys):
    assert run_doctor(FIXTURES / "run2.log", Request(form="report")) == 1

    out = capsys.readouterr().out
    assert out.startswith("The weights never moved")
    assert "51.7094 at steps 499 and 999" in " ".join(out.split())
    told, order = stories(capsys, "run2.log")
    assert order[0] == ("R101", ["R102"])
    assert {"R301", "R203", "R205", "R304"} <= {cause for cause, _ in order}
    first = told["findings"][0]
    assert first["numbers"]["value"] == 51.7094
    assert first["numbers"]["lr_zero_records"] == first["numbers"]["lr_records"] > 0


def test_post_mortem_is_90_6_percent_and_mislabelled_as_raw(capsys):
    told, order = stories(capsys, "postmortem.log")

    assert order[0][0] == "R101"
    by_rule = {f["rule"]: f for f in told["findings"]}
    assert "160.5575 at step 21,700" in by_rule["R202"]["headline"]
    assert "90.6% of the loss" in by_rule["R202"]["headline"]
    assert by_rule["R205"]["level"] == "warning"
    assert by_rule["R205"]["numbers"]["raw_layerwise"] == pytest.approx(3211.15, abs=0.01)
    assert "93.7" not in json.dumps(told)


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("run1.log", "R101"),
        ("run3.log", "R101"),
        ("run4.log", "R101"),
        ("crash_168_160.log", "R501"),
        ("nan.jsonl", "R401"),
        ("trainer_state.json", "R403"),
    ],
)
def test_first_cause_of_every_sick_fixture(capsys, name, first):
    assert stories(capsys, name)[1][0][0] == first


def test_perplexity_of_run_4_is_exp_of_the_total(capsys):
    assert "R302" in {cause for cause, _ in stories(capsys, "run4.log")[1]}


@pytest.mark.parametrize("name", ["healthy", "metrics.csv"])
def test_healthy_fixtures(capsys, name):
    assert run_doctor(FIXTURES / name, Request(form="report")) == 0
    assert capsys.readouterr().out.startswith("Nothing wrong found")


def test_what_cannot_be_read_is_one_line_and_2(tmp_path, capsys):
    assert run_doctor(tmp_path / "none.log", Request(form="report")) == 2

    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert captured.err.startswith("sad doctor: ")


def test_a_log_without_anything_to_judge_is_not_healthy(tmp_path, capsys):
    log = tmp_path / "weather.csv"
    log.write_text("step,temperature\n1,20\n2,21\n")

    assert run_doctor(log, Request(form="report")) == 3
    assert capsys.readouterr().out.startswith("Nothing could be judged")


def test_a_bar_without_a_value_is_not_healthy(tmp_path, capsys):
    log = tmp_path / "train.log"
    log.write_text("".join(f"\r {i:2d}%|▍ | {i}/100 [00:01<00:02, 3.4it/s]" for i in range(99)) + "\nloss is nan\n")

    assert run_doctor(log, Request(form="report")) == 3
    assert capsys.readouterr().out.startswith("Nothing could be judged")


def test_a_warning_alone_is_shown_and_does_not_count(tmp_path, capsys):
    log = tmp_path / "metrics.jsonl"
    rows = [{"step": i, "train/loss": 10.0, "train/weighted/kd": 5.0, "train/weighted/lm": 3.0} for i in range(9)]
    log.write_text("".join(json.dumps(row) + "\n" for row in rows))

    assert run_doctor(log, Request(form="report")) == 0
    assert "WARNING R204 parts-do-not-sum" in capsys.readouterr().out
    assert run_doctor(log, Request(form="report", fail_on="warn")) == 1
    assert run_doctor(log, Request(fail_on="never")) == 2
    assert "--fail-on never: it is error or warn" in capsys.readouterr().err


def test_a_crashed_rule_is_never_healthy():
    assert exit_code(Report((), ("R101",), (), (Crashed("R102", "x", "boom"),))) == 1


def test_without_a_terminal_it_reports(capsys):
    assert run_doctor(FIXTURES / "healthy") == 0
    assert "Nothing wrong found" in capsys.readouterr().out


def test_a_picture_is_written_and_nothing_else_shown(tmp_path, capsys):
    assert run_doctor(FIXTURES / "run2.log", Request(svg=tmp_path / "run2.svg")) == 1

    assert (tmp_path / "run2.svg").read_text(encoding="utf-8").startswith("<svg")
    assert capsys.readouterr() == (f"picture written: {tmp_path / 'run2.svg'}\n", "")
    assert run_doctor(FIXTURES / "healthy", Request(svg=tmp_path / "no" / "folder.svg")) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_select_and_ignore_take_codes_beginnings_and_names():
    assert [rule.code for rule in chosen(["R50"], ["crash"])] == ["R502", "R503", "R504", "R505", "R506", "R507"]
    assert chosen([], []) == RULES
    with pytest.raises(ValueError, match="no red flag 'R9'"):
        chosen(["R9"], [])


@pytest.mark.parametrize("wrong", ["R203", "R203.share", "R203=0.9", "R203.share=much", "R203.share=nan"])
def test_wrong_thresholds_say_how_to_write_them(wrong):
    with pytest.raises(ValueError, match=r"R203\.share=0\.9"):
        threshold(wrong)


def test_explain_gives_the_page():
    assert "## Remedy" in (explain("R203") or "")
    assert explain("term-dominates") == explain("R203")
    assert explain("R999") is None


def test_command_takes_rules_and_thresholds(capsys):
    log = str(FIXTURES / "postmortem.log")

    assert command([log, "--json", "--select", "R201", "--threshold", "R201.total=1000"]) == 0
    assert json.loads(capsys.readouterr().out)["passed"] == ["R201"]
    assert command([log, "--report", "--select", "R9"]) == 2
    assert command([log, "--report", "--threshold", "R201.totl=9"]) == 2
    assert "no threshold totl" in capsys.readouterr().err
    assert command(["--explain", "r101"]) == 0
    assert "The weights never moved" in capsys.readouterr().out
    for wrong in ([], ["--explain", "R999"], [log, "--threshold", "R201"]):
        with pytest.raises(SystemExit, match="2"):
            command(wrong)


def test_as_a_program_into_a_pipe_that_closes_and_an_ascii_terminal():
    program = [sys.executable, "-m", "sad_doctor", str(FIXTURES / "run2.log"), "--report"]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONPATH": str(FIXTURES.parents[1])}

    done = subprocess.run(program, capture_output=True, env=environment, check=False)
    assert done.returncode == 1
    assert done.stderr == b""
    assert done.stdout.isascii()

    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as closed:
        closed.stdout.close()
        assert closed.wait() == 1
        assert closed.stderr.read() == b""


@pytest.mark.parametrize(
    ("kind", "name", "code"), [("--report", "healthy", 0), ("--json", "run2.log", 1), ("", "run2.log", 1)]
)
def test_an_output_that_was_closed_from_the_start_leaves_the_exit_code(kind, name, code):
    program = f'"{sys.executable}" -m sad_doctor "{FIXTURES / name}" {kind} <&- >&-'
    environment = {**os.environ, "PYTHONPATH": str(FIXTURES.parents[1])}

    done = subprocess.run(program, shell=True, stderr=subprocess.PIPE, env=environment, check=False)
    assert (done.returncode, done.stderr) == (code, b"")


@pytest.mark.parametrize("closed", ["2>&-", "2>/dev/full"])
@pytest.mark.parametrize(("run", "code"), [("healthy", 0), ("none", 2)])
def test_what_nobody_hears_leaves_the_report_and_the_exit_code(closed, run, code, tmp_path):
    program = f'"{sys.executable}" -m sad_doctor "{FIXTURES / run}" --json --html "{tmp_path / "a.html"}" {closed}'
    environment = {**os.environ, "PYTHONPATH": str(FIXTURES.parents[1])}

    done = subprocess.run(program, shell=True, stdout=subprocess.PIPE, env=environment, check=False)
    assert done.returncode == code
    assert (json.loads(done.stdout)["run"]["name"] == run) if code == 0 else (done.stdout == b"")


@pytest.mark.parametrize("kind", ["report", "json"])
def test_a_full_disk_is_one_line_and_2(kind, monkeypatch, capfd):
    with open(os.open(os.devnull, os.O_RDONLY), "w") as full:  # read only: a write fails, as on a full disk
        monkeypatch.setattr(sys, "stdout", full)
        code = run_doctor(FIXTURES / "healthy", Request(form=kind))
        monkeypatch.undo()

    assert code == 2
    assert capfd.readouterr().err.startswith("sad doctor: standard output cannot be written: ")


def test_thresholds_of_several_texts_go_to_their_rules():
    assert thresholds(["R203.share=0.9", "R203.window=5", "loss-spike.sigmas=8"]) == {
        "R203": {"share": 0.9, "window": 5.0},
        "loss-spike": {"sigmas": 8.0},
    }


def test_the_doctor_of_sad_takes_rules_and_thresholds():
    root = Path(__file__).parents[2]
    log = str(FIXTURES / "postmortem.log")

    def doctor(*arguments):
        words = [sys.executable, "-m", "sad", "doctor", log, "--json", *arguments]
        return subprocess.run(words, capture_output=True, text=True, cwd=root, check=False)

    one = json.loads(doctor("--select", "R2", "--ignore", "R205", "--threshold", "R203.share=0.99").stdout)
    assert {finding["rule"] for finding in one["findings"]} <= {"R201", "R202", "R204", "R209"}
    wrong = doctor("--threshold", "R203.share")
    assert wrong.returncode == 2
    assert "R203.share=0.9" in wrong.stderr
    assert "Traceback" not in wrong.stderr


def test_the_columns_of_a_log_can_be_named(tmp_path, capsys):
    log = tmp_path / "metrics.jsonl"
    rows = [{"step": i, "aim_of_all": 10.0, "soft_part": 9.5 - i / 99, "kd_loss": 0.5} for i in range(99)]
    log.write_text("".join(json.dumps(row) + "\n" for row in rows))
    columns = renaming(["aim_of_all=train/loss", "soft_part=train/weighted/hidden", "kd_loss=train/weighted/kd"])

    assert run_doctor(log, Request(form="report", names=columns, total_steps=200)) == 1
    told = capsys.readouterr().out
    assert "The term hidden is" in told
    assert "step 98 of 200" in told
    assert "soft_part is train/weighted/hidden, as told" in told
    assert run_doctor(log, Request(form="report", names={"aim_of_al": "train/loss"})) == 2
    assert "--map aim_of_al: the log has no such column; it has aim_of_all" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "said"),
    [("a", "write it as theirs=ours"), ("a=", "write it"), ("kl=train/row/kd", "did you mean train/raw/kd")],
)
def test_a_name_that_is_none_of_ours_is_refused(text, said):
    with pytest.raises(ValueError, match=said):
        renaming([text])


def test_a_page_is_written_and_says_the_verdict(tmp_path, capsys):
    page = tmp_path / "report.html"
    assert run_doctor(FIXTURES / "run2.log", Request(html=page)) == 1
    assert "The weights never moved" in page.read_text(encoding="utf-8")
    assert capsys.readouterr() == (f"page written: {page}\n", "")
    assert run_doctor(FIXTURES / "run2.log", Request(html=page, form="json")) == 1
    told = capsys.readouterr()
    assert (json.loads(told.out)["schema"], told.err) == (1, f"page written: {page}\n")
    assert run_doctor(FIXTURES / "run2.log", Request(html=tmp_path / "no" / "page.html")) == 2
    assert "the page cannot be written: No such file" in capsys.readouterr().err
