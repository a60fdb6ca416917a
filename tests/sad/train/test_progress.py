"""What a person sees: plain lines, or a bar; numbers that are those of the ledger."""

from __future__ import annotations

import io
import math

from rich.console import Console

from sad.evaluate import Likelihood, Scores
from sad.objective import Ledger
from sad.train.progress import Bar, Lines, shares, summary

LEDGER = Ledger({"kd": 2.0, "lm": 6.0, "layerwise": 2.0}, {"kd": 1.0, "lm": 1.0, "layerwise": 1.0})
SCORES = Scores(Likelihood(math.log(50.0) * 10, 10, 40), kl=0.1234, agreement=0.5, mapped=1.0, ledger=LEDGER)


def test_shares_are_in_percent_and_the_largest_comes_first() -> None:
    assert shares(LEDGER) == "lm 60% kd 20% layerwise 20%"
    assert shares(Ledger({"kd": 0.0}, {"kd": 1.0})) == "kd 0%"
    assert shares(Ledger({}, {})) == ""


def test_a_summary_gives_the_scores() -> None:
    line = summary(SCORES)
    assert "perplexity 50.0" in line
    assert f"{math.log2(50) / 4:.3f} bits/byte" in line
    assert "KL to teacher 0.123" in line
    assert "agreement 50.0%" in line


def test_plain_lines_come_at_most_one_a_pause_and_always_the_first_and_the_last() -> None:
    now, told = [0.0], []
    with Lines(10, told.append, pause=5.0, now=lambda: now[0]) as lines:
        for step in range(1, 11):
            lines.step(step, LEDGER, 1234.0)
            now[0] += 2.0
    assert [line.split()[1] for line in told] == ["1/10", "4/10", "7/10", "10/10"]
    assert told[0] == "step 1/10  loss 10.0000  lm 60% kd 20% layerwise 20%  1,234 tokens/s"


def test_evaluations_and_words_are_never_held_back() -> None:
    told: list[str] = []
    lines = Lines(10, told.append, pause=100.0, now=lambda: 0.0)
    lines.step(1, LEDGER, 1.0)
    lines.evaluation(5, SCORES)
    lines.say("a word")
    assert told[1:] == [f"step 5/10  {summary(SCORES)}", "a word"]


def test_a_loss_that_is_not_a_number_is_told_as_such() -> None:
    told: list[str] = []
    Lines(1, told.append).step(1, Ledger({"kd": math.nan}, {"kd": 1.0}), 1.0)
    assert "loss nan" in told[0]


def shown(width: int, done: int = 0) -> str:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=width, color_system=None, _environ={})
    with Bar(20, console, done) as bar:
        bar.step(7, LEDGER, 1234.0)
        bar.evaluation(7, SCORES)
        bar.say("[bold]not markup[/bold]")
    return out.getvalue()


def test_a_bar_shows_step_loss_shares_and_speed() -> None:
    told = shown(160)
    for piece in ("7/20", "loss 10.000", "lm 60% kd 20% layerwise 20%", "1,234 tok/s", "left", "[bold]not markup"):
        assert piece in told
    assert summary(SCORES) in told


def lines(width: int) -> list[str]:
    return [line for part in shown(width).split("\r") for line in part.split("\n") if "loss" in line]


def test_a_terminal_of_ordinary_width_shows_every_number_whole() -> None:
    for piece in ("7/20", "-:--:-- left", "loss 10.000", "1,234 tok/s", "lm 60% kd 20% layerwise 20%"):
        assert all(piece in line for line in lines(80)), piece


def test_a_narrow_terminal_cuts_the_end() -> None:
    assert lines(40)
    for piece in ("7/20", "left", "loss 10.000"):
        assert all(piece in line for line in lines(40)), piece


def test_a_kl_of_nothing_has_no_sign() -> None:
    nothing = Scores(Likelihood(1.0, 1, 1), kl=-1e-9, agreement=1.0, mapped=1.0, ledger=LEDGER)
    assert "KL to teacher 0.000" in summary(nothing)


def test_a_bar_starts_where_the_run_stands() -> None:
    assert "5/20" in shown(160, done=5)
