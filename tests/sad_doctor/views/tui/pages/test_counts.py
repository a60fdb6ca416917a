"""Findings by level, in a few words."""

from __future__ import annotations

from sad_doctor.views.tui.pages.counts import counts, unflagged


def test_the_worst_level_comes_first_and_one_without_findings_is_not_told(make):
    report = make.sick_report()
    assert [one.plain for one in counts(report)] == ["✖ 3", "▲ 2"]
    assert [span.style for one in counts(report, "bold ") for span in one.spans] == ["bold $error", "bold $warning"]
    assert counts(make.healthy_report()) == []


def test_a_run_that_could_not_be_judged_is_not_called_free_of_red_flags(make):
    assert unflagged(make.healthy_report(), "$success").plain == "✓ no red flags"
    assert unflagged(make.empty_report(), "$success").plain.startswith("○ ")
