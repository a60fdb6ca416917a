from __future__ import annotations

import re
from dataclasses import replace

from sad_doctor.finding import Reading
from sad_doctor.rules import RULES
from sad_doctor.views.tui.pages.prose import lay_out
from sad_doctor.views.tui.pages.rules import rule_page, rule_rows


def text(page):
    return "\n".join(str(line) for line in lay_out(page, 100))


def test_every_rule_has_a_row_and_a_page_what_fired_first(make):
    rows = rule_rows(make.sick_report())
    assert sorted(key for key, _ in rows) == sorted(rule.code for rule in RULES)
    told = [text(page) for _, page in rows]
    fired = [t.split("\n")[0][0] for t in told]
    assert fired == sorted(fired, key="✖▲●!✓◌".index)
    assert "R101" in told[0]
    for rule in RULES:
        assert rule.title.split("\n")[0][:20] in text(rule_page(rule.code, make.sick_report()))


def test_the_row_of_a_rule_that_could_not_look_has_room_for_what_it_lacked(make):
    row = dict(rule_rows(make.sick_report()))["R402"]
    assert text(row).split("\n")[1].strip() == "R402 · not checked: the log has no train/grad_norm"


def test_the_page_of_a_rule_has_the_numbers_of_this_run(make):
    assert "exactly 0 in 218 of 218 lines" in text(rule_page("R101", make.sick_report()))
    assert text(rule_page("R102", make.sick_report())).startswith("✓ passed")
    assert "not checked: the log has no train/grad_norm" in text(rule_page("R402", make.sick_report()))
    assert rule_page("R000", make.sick_report()) == []
    readings = {"R102": (Reading("spread", 0.5, "NOISE"), Reading("records", 9))}
    shown = text(rule_page("R102", replace(make.sick_report(), readings=readings)))
    assert "Measured in this run" in shown
    assert re.findall("• (.*)", shown)[:2] == ["spread: 0.5000, held against the threshold NOISE", "records: 9"]
