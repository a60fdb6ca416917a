from __future__ import annotations

from dataclasses import replace

import numpy as np

from sad_doctor import names
from sad_doctor.views.tui.pages.about import about_page, course
from sad_doctor.views.tui.pages.prose import lay_out


def text(page):
    return "\n".join(str(line) for line in lay_out(page, 100))


def test_recipe_models_and_environment_have_sections(make):
    facts = {
        names.STATUS: "finished",
        names.STARTED: 1_700_000_000.0,
        names.CONFIG: {"train": {"lr": 3e-4, "packing": False, "clip": None, "seed": None}, "name": "[/x]\x1b[2J"},
        names.MODELS: {"teacher": "big", "student": "small"},
        names.VERSIONS: {"torch": "2.13"},
        names.ALIGNMENT: "exact",
    }
    told = text(about_page(replace(make.healthy_run(), facts=facts)))
    for heading in ("First and last", "The run", "Recipe", "Models", "Environment", "Alignment"):
        assert heading in told
    assert "Recipe · train\nlr                0.0003\npacking           false\nnot set: clip, seed\n" in told
    assert "2023-11-14 22:13:20 UTC" in told
    assert "\x1b" not in told
    assert "[/x]" in told


def test_first_and_last_are_the_first_and_last_numbers(make):
    value = np.full(20_000, np.nan)
    assert course(replace(make.empty_run(), columns={names.LOSS: make.column(np.arange(20_000), value)})) == []
    value[9_000], value[9_001] = 4.0, 2.0
    told = text(course(replace(make.empty_run(), columns={names.LOSS: make.column(np.arange(20_000), value)})))
    assert "4.0000 → 2.0000  -50.0%" in told
    value[9_001] = np.inf
    assert course(replace(make.empty_run(), columns={names.LOSS: make.column(np.arange(20_000), value)})) == []


def test_a_change_from_next_to_nothing_has_no_percentage(make):
    column = make.column(np.arange(2), np.array([0.0003, 0.3102]))
    told = text(course(replace(make.empty_run(), columns={names.EVAL_AGREEMENT: column})))
    assert "0.3102" in told
    assert "%" not in told


def test_values_stand_below_each_other_however_long_a_name_is(make):
    run = replace(make.healthy_run(), facts={"config": {"gradient_accumulation_of_the_run": 2, "clip": 1.0}})
    lines = [line.plain for line in lay_out(about_page(run), 80)]

    course = lines[lines.index("First and last") + 1 :]
    course = course[: course.index("")]
    assert len({line.index("→") for line in course}) == 1
    assert len({len(line) for line in course if line.endswith("%")}) == 1
    clip, longer = (next(line for line in lines if line.startswith(name)) for name in ("clip", "gradient_acc"))
    assert clip.index("1.0") == 31
    assert longer.endswith("run 2")
