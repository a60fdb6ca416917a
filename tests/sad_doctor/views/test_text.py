import io
import re
import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sad_doctor.check import check
from sad_doctor.example import parse
from sad_doctor.finding import Crashed, Finding, Level, NotChecked, Report, Story
from sad_doctor.rules import RULES
from sad_doctor.run import Column
from sad_doctor.views.text import not_checked, render, show, verdict

SICK = parse("steps: 100 every 10\ntrain/loss: 29 ~ 4\ntrain/lr: 0\nsteps: 499, 999\neval/loss: 51.7094, 51.7094")
NASTY = "[/nope] [bold red]x[/] [link=file:///etc]y[/link] \x1b[2J\x1b]0;owned\x07 \u202e\x9b31m :boom:"


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self):
        return True


def on_a_terminal(monkeypatch, run, **environment):
    for name in ("NO_COLOR", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    out = Terminal()
    show(run, check(run), out)
    return out.getvalue()


def test_too_little_to_judge_may_still_show_something():
    one = verdict(check(parse("steps: 1\ntrain/loss: 429")))
    assert one.startswith(
        "Too little to judge: 1 record of a loss, and no evaluation. But a hint: The total loss begins"
    )
    assert verdict(check(parse("steps: 1\ntrain/loss: 9"))).endswith("and no evaluation.")


def test_first_line_is_the_cause_and_the_consequence_stands_beneath():
    text = render(SICK, check(SICK))

    assert text.startswith("The weights never moved: the evaluation loss is 51.7094 at steps 499 and 999")
    assert text.index("ERROR R101 weights-frozen") < text.index("and that explains:") < text.index("ERROR R102")
    assert re.search(r"^    ERROR R102 learning-rate-zero$", text, re.MULTILINE)


def test_what_passed_and_what_was_not_checked_are_listed_with_reasons():
    text = render(SICK, check(SICK))

    assert re.search(r"^Passed: .*R401", text, re.MULTILINE)
    assert "  R107, R108, R113, R402: the log has no train/grad_norm\n" in text
    told = "  R213 covers-little: the log has no train/coverage or eval/mapped_mass or"
    assert f"{told}\n{' ' * 22}train/labels\n" in text


def test_notes_of_the_reader_and_crashed_rules_are_told():
    report = Report((), ("R101",), (NotChecked("R102", "x", "why"),), (Crashed("R104", "loss-spike", "boom"),))
    text = render(replace(SICK, notes=("steps are batches",)), report)

    assert "  - steps are batches" in text
    assert "  R104 loss-spike: boom" in text
    assert text.startswith("1 rule of the doctor itself crashed")


def test_sentence_for_a_healthy_and_for_an_unjudged_run():
    assert verdict(Report((), ("R101",), (NotChecked("R102", "x", "why"),), ())) == (
        "Nothing wrong found: 1 rule passed; 1 could not judge."
    )
    assert verdict(Report((), (), (NotChecked("R102", "x", "why"),), ())).startswith("Nothing could be judged")


def test_a_hint_alone_is_told_in_the_first_line_as_no_more_than_that():
    run = parse("steps: 5\ntrain/loss: 9\ntrain/raw/kd: 5\ntrain/raw/lm: 4")
    report = check(run)

    assert report.worst == Level.INFO
    text = render(run, report)
    first = report.stories[0].finding.headline
    assert " ".join(text.split()).startswith(f"No red flag, but a hint: {first} {len(report.passed)} rules passed;")
    assert "The parts logged without a weight sum to the total" in " ".join(text.split())


def test_how_a_log_is_read_is_no_doubt_about_its_run():
    run = parse("steps: 60\ntrain/loss: 9 -> 6 ~ 0.1\ntrain/raw/kd: 5 -> 3 ~ 0.1\ntrain/raw/lm: 4 -> 3")
    total = run.columns["train/raw/kd"].value + run.columns["train/raw/lm"].value
    loss = replace(run.columns["train/loss"], value=total)
    report = check(replace(run, columns={**run.columns, "train/loss": loss}))

    assert not report.stories
    assert "R205" in report.passed
    assert verdict(report).startswith("Nothing wrong found")


@pytest.mark.parametrize("width", [20, 40, 80, 100])
def test_no_line_is_wider_than_asked(width):
    run = replace(SICK, notes=("x" * 300, "word " * 60), name="n" * 200)

    assert max(map(len, render(run, check(run), width).splitlines())) <= width


def test_a_pipe_gets_plain_text():
    out = io.StringIO()
    show(SICK, check(SICK), out)

    assert "\x1b" not in out.getvalue()
    assert out.getvalue() == render(SICK, check(SICK), 80)


def test_a_terminal_gets_the_same_words_in_colours(monkeypatch):
    text = on_a_terminal(monkeypatch, SICK)

    assert "\x1b[1;31m" in text
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
    assert [line.rstrip() for line in plain.splitlines()] == render(SICK, check(SICK), 80).splitlines()


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_no_colours_where_they_are_not_wanted(monkeypatch, environment):
    assert "\x1b" not in on_a_terminal(monkeypatch, SICK, **environment)


def test_columns_of_the_terminal_are_used(monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    out = io.StringIO()
    show(SICK, check(SICK), out)

    assert max(map(len, out.getvalue().splitlines())) <= 40


def nasty(text):
    run = parse("steps: 5\ntrain/loss: 9\nevent crash @ 5: boom\nevent warning @ 2: x")
    events = tuple(replace(e, message=text) for e in run.events)
    return replace(
        run,
        name=text,
        events=events,
        notes=(text,),
        columns={**run.columns, f"train/weighted/{text}": run.columns["train/loss"]},
    )


def test_text_of_a_log_is_never_markup_nor_a_control_code(monkeypatch):
    text = on_a_terminal(monkeypatch, nasty(NASTY))
    rest = re.sub(r"\x1b\[[0-9;]*m", "", text)

    assert "[/nope] [bold red]x[/]" in " ".join(rest.split())
    assert ":boom:" in rest
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", rest)


@given(st.text(max_size=80))
def test_any_text_of_a_log_renders_without_control_codes(text):
    run = nasty(text)
    shown = render(run, check(run))

    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u202a-\u202e\u2066-\u2069]", shown)


def test_an_encoding_that_cannot_spell_it_gets_question_marks():
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding="ascii")
    show(nasty("Zürich ✓"), check(nasty("Zürich ✓")), out)
    out.flush()

    assert b"Z?rich ?" in raw.getvalue()


@pytest.mark.parametrize(
    ("status", "age", "says"),
    [
        ("running", 3 * 86400, "running, but silent for 3 days"),
        ("running", 5, "running"),
        ("finished", 1e9, "finished"),
    ],
)
def test_a_run_that_stopped_without_a_word_is_called_silent(status, age, says):
    run = replace(SICK, facts={"status": status, "heartbeat": time.time() - age})

    assert f" · {says}\n" in render(run, check(run))


@pytest.mark.parametrize("beat", [float("nan"), float("inf"), "soon", None])
def test_a_heartbeat_that_is_no_time_says_nothing(beat):
    run = replace(SICK, facts={"status": "running", "heartbeat": beat})

    assert " · running\n" in render(run, check(run))


WHOLE = """\
The parts sum to 8 at step 10, the loss is 10: 20.0% missing in the median.

example · example · 10 records · step 10 of 40

WARNING R204 parts-do-not-sum
  - 5 steps compared, 6 to 10; parts: kd and lm (weighted)
  cause:  A term is not logged, or the total is of other batches than the parts.
  remedy: Log every term after its weight, over the same batches as the total.

INFO R999 second
  A second story has its headline.
  - because
  cause:  c
  remedy: r

Not checked:
  R201 total-too-high: no record of the loss after step 5,000 yet
"""


def test_a_report_to_the_letter():
    run = parse("fact total_steps: 40\nsteps: 10\ntrain/loss: 10\ntrain/weighted/kd: 5\ntrain/weighted/lm: 3")
    report = check(run, [rule for rule in RULES if rule.code in ("R201", "R204")])
    second = Story(Finding("R999", "second", Level.INFO, "A second story has its headline.", ("because",), "c", "r"))

    assert render(run, replace(report, stories=(*report.stories, second))) == WHOLE


def test_a_run_without_a_record_has_no_step():
    run = parse("fact status: finished")

    assert "example · example · 0 records · finished\n" in render(run, check(run))


def test_one_record_is_told_in_the_singular():
    run = parse("steps: 7, 7\ntrain/loss: 3, 3")
    one = replace(run, columns={n: Column(c.step[:1], c.value[:1]) for n, c in run.columns.items()})

    assert " 1 record ·" in render(one, check(one), width=100)
    assert " 2 records ·" in render(run, check(run), width=100)


def test_rules_that_lack_the_same_stand_together():
    lacks = (("R301", "a", "no perplexity"), ("R302", "b", "no loss"), ("R310", "c", "no perplexity"))
    told = tuple(NotChecked(*one) for one in lacks)

    assert list(not_checked(Report((), (), told, ()))) == [("R301, R310", "no perplexity"), ("R302 b", "no loss")]
