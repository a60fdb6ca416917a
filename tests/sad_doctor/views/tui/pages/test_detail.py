from __future__ import annotations

from dataclasses import replace

from sad_doctor import names
from sad_doctor.finding import Comparison, Row
from sad_doctor.views.tui.pages import detail
from sad_doctor.views.tui.pages.finding_rows import rows as rows_of
from sad_doctor.views.tui.pages.prose import lay_out


def text(page):
    return "\n".join(line.plain.rstrip() for line in lay_out(page, 100))


def test_a_finding_has_evidence_cause_and_remedy(make):
    story = make.sick_report().stories[0]
    page = text(detail.finding_page(story.finding, story))
    order = [
        "The weights never moved",
        "Evidence",
        "22 of 22",
        "Likely cause",
        "What to do",
        "sad verify V104",
        "Explains",
    ]
    places = [page.index(part) for part in order]
    assert places == sorted(places)
    assert "error · R101 · weights-never-move · steps 0 – 21,700" in page


def test_beside_the_list_a_finding_begins_with_its_evidence(make):
    finding = make.sick_report().stories[0].finding
    page = detail.finding_page(finding, None)
    assert text(detail.below_row(page)).startswith("Evidence")
    assert detail.heading(finding).plain == "R101 · weights-never-move"
    assert detail.heading(None).plain == "Detail"
    bare = detail.finding_page(replace(finding, evidence=(), cause="", remedy=""), None)
    assert "The weights never moved" in text(detail.below_row(bare))


def test_a_consequence_names_its_cause(make):
    story = make.sick_report().stories[0]
    page = text(detail.finding_page(story.consequences[0], story))
    assert "Follows from\n  ↰ The weights never moved" in page
    assert "Explains" not in page


def test_what_was_not_checked_says_what_it_lacked(make):
    page = text(detail.extra_page("not-checked", make.sick_report(), make.sick_run()))
    assert "R401 gradient-not-finite\n  the log has no train/grad_norm" in page


def test_a_broken_rule_is_shown_with_its_error(make):
    page = text(detail.extra_page("crashed", make.sick_report(), make.sick_run()))
    assert "R999 broken-rule\n  ZeroDivisionError: division by zero" in page


def test_events_and_the_tail_of_the_log_can_be_read(make):
    run = make.sick_run()
    assert "499 warning\n  Loss 51.71 too high" in text(detail.extra_page("events", make.sick_report(), run))
    assert "lr=0.000e+00, step=21699" in text(detail.extra_page("tail", make.sick_report(), run)).replace("\n", " ")


def test_a_healthy_run_tells_first_and_last_and_who_could_not_look(make):
    report = replace(make.healthy_report(), not_checked=make.sick_report().not_checked)
    page = text(detail.extra_page("healthy", report, make.healthy_run()))
    assert "perplexity        735.10 → 14.297  -98.1%" in page
    assert "2 of 14 rules could not judge" in page
    assert "✓ R101 The weights never moved" in page


def test_about_tells_notes_path_and_facts(make):
    run = make.sick_run()
    facts = {**run.facts, names.STARTED: 1_700_000_000, names.MODELS: {"teacher": {"layers": 24}}}
    page = text(detail.extra_page("about", make.sick_report(), replace(run, facts=facts)))
    assert "• The log calls the parts raw" in page
    assert "Models · teacher\nlayers            24" in page
    assert "2023-11-14 22:13:20 UTC" in page
    assert "run-2.log" in page


def test_a_comparison_has_a_row_and_a_page(make):
    rows = tuple(Row("total", f"step {n}", 3.0, "3.0", "2.0", "above") for n in (1, 2))
    beside = Comparison("Beside the band", "2 of 2 lie above [/x]", rows, ("a note",))
    report = replace(make.sick_report(), comparisons=(beside,))
    row = next(r for r in rows_of(report, make.sick_run(), frozenset()) if r.key.startswith("beside"))
    assert "≈ 2 of 2 lie above [/x]" in text(row.page)
    page = text(detail.extra_page(row.key, report, make.sick_run()))
    assert "total: 3.0 at step 2, there 2.0; above at 2 of 2" in page
    assert "a note" in page


def test_a_verdict_has_each_headline_with_what_follows_from_it_below_it(make):
    report = make.sick_report()
    lines = text(detail.verdict_page(report)).splitlines()
    story = next(story for story in report.stories if story.consequences)
    (place,) = (n for n, line in enumerate(lines) if story.finding.headline[:30] in line)
    assert not lines[place].startswith(" ")
    (below,) = (n for n, line in enumerate(lines) if story.consequences[0].headline[:30] in line)
    assert below > place
    assert lines[below].startswith("  ")
    assert detail.verdict_page(make.healthy_report()) == []
