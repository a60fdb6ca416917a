from __future__ import annotations

from sad_doctor.finding import Report
from sad_doctor.views.tui.pages import finding_rows
from sad_doctor.views.tui.pages.prose import lay_out


def text(row):
    return "\n".join(line.plain.rstrip().replace("\xa0", " ") for line in lay_out(row.page, 100))


def keys(make, unfolded=(), wanted=""):
    return [r.key for r in finding_rows.rows(make.sick_report(), make.sick_run(), frozenset(unfolded), wanted)]


REST = ["crashed", "not-checked", "passed", "about", "events", "tail"]


def test_consequences_are_folded_under_their_cause(make):
    assert keys(make) == ["R101:1", "R203:1", "R301:1", *REST]
    assert keys(make, ["R101:1"]) == ["R101:1", "R104:1", "R105:1", "R203:1", "R301:1", *REST]
    folded, unfolded = (
        finding_rows.rows(make.sick_report(), make.sick_run(), frozenset(open_))[0] for open_ in ((), ("R101:1",))
    )
    assert "▸ 2 more" in text(folded)
    assert "▾ explains" in text(unfolded)


def test_a_consequence_hangs_under_its_cause(make):
    report = make.sick_report()
    _, first, last, *_ = finding_rows.rows(report, make.sick_run(), frozenset({"R101:1"}))
    headlines = [finding.headline for finding in report.stories[0].consequences]
    assert text(first).split() == ["├", *text(first).split()[1:2], *headlines[0].split()]
    assert text(last).split() == ["└", *text(last).split()[1:2], *headlines[1].split()]


def test_how_many_are_folded_is_not_torn_from_the_number(make):
    row = finding_rows.rows(make.sick_report(), make.sick_run(), frozenset())[0]
    assert any("▸\xa02\xa0more" in line.plain for width in range(24, 60) for line in lay_out(row.page, width))
    assert all("more" not in line.plain.split(" ") for width in range(24, 60) for line in lay_out(row.page, width))


def test_a_row_tells_headline_rule_and_steps(make):
    row = finding_rows.rows(make.sick_report(), make.sick_run(), frozenset())[1]
    assert text(row) == (
        "✖ The layerwise term owns the loss: 90.6% at step 21,700, above 80% in 131 of 218 lines.\n"
        "  R203 · steps 2,400 – 21,700"
    )


def test_the_filter_wants_every_word_and_opens_what_it_finds(make):
    assert keys(make, wanted="LAYERWISE owns")[0] == "R203:1"
    assert keys(make, wanted="bit-identical") == ["R101:1", "R104:1", *REST]
    assert keys(make, wanted="weights never") == ["R101:1", *REST]
    assert keys(make, wanted="no such thing") == ["nothing", *REST]


def test_a_healthy_run_is_called_so_and_an_empty_one_is_not(make):
    rows = finding_rows.rows(make.healthy_report(), make.healthy_run(), frozenset())
    assert "No red flags" in text(rows[0])
    assert [r.key for r in finding_rows.rows(make.empty_report(), make.empty_run(), frozenset())] == [
        "not-checked",
        "about",
    ]


def test_two_findings_of_one_rule_have_keys_of_their_own(make):
    one = make.sick_report().stories[1]
    rows = finding_rows.rows(Report((one, one), (), (), ()), make.sick_run(), frozenset())
    assert [r.key for r in rows[:2]] == ["R203:1", "R203:2"]
