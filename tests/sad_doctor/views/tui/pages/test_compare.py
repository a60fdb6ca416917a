from __future__ import annotations

from dataclasses import replace

from sad_doctor import check, names
from sad_doctor.example import parse
from sad_doctor.views import metrics
from sad_doctor.views.tui.pages import compare
from sad_doctor.views.tui.pages.prose import lay_out
from sad_doctor.views.tui.runs.snapshot import Snapshot, Verdict


def rival(make, name="other"):
    run = make.healthy_run(50)
    return compare.Rival(name, compare.colour(0, True), Snapshot(run, Verdict(make.sick_report()), (0.0, 245.0)))


def test_runs_of_one_name_are_told_apart():
    assert compare.labels(["a", "b"]) == ["a", "b"]
    assert compare.labels(["run", "x", "run"]) == ["run #1", "x", "run #3"]
    assert compare.labels(["a\x1b[2J\nb", ""]) == ["a b", "run"]


def test_the_same_column_of_every_run_is_drawn(make):
    own = metrics.loss(make.healthy_run(), True)
    drawn = compare.against(own, names.LOSS, compare.Own("mine"), [rival(make)])
    assert [s.name for s in drawn] == ["mine", "other", "held-out"]
    assert len({s.colour for s in drawn}) == 3
    assert drawn[1].column is not drawn[0].column
    assert compare.against(own, names.LOSS, compare.Own("mine"), []) == own
    assert [s.name for s in compare.against(own, "no/such", compare.Own("mine"), [rival(make)])] == ["mine", "held-out"]


def test_a_row_tells_verdict_and_last_figures(make):
    snapshot = rival(make).snapshot
    row = compare.run_row(snapshot, "other", "#ffffff", *compare.told([snapshot]), in_front=True)
    text = "\n".join(str(one) for one in lay_out(row, 200))
    assert text.startswith("▶ ━ other  ✖ 3 ▲ 2")
    assert "step\u00a0245" in text
    assert "bits/byte" in text
    assert "opening" in str(lay_out(compare.run_row(None, "new", "#ffffff", "", in_front=False), 80)[0])


def test_figures_of_several_runs_stand_in_columns(make):
    long, short = rival(make).snapshot, Snapshot(make.sick_run(), Verdict(make.sick_report()), (0.0, 21_700.0))
    few = replace(long, run=replace(long.run, columns={names.LOSS: long.run.columns[names.LOSS]}))
    rows = compare.told([long, None, short, few])
    assert rows[1] == ""
    for label in ("loss", "held-out"):
        assert rows[0].index(label) == rows[2].index(label)
    assert rows[0].index("loss") == rows[3].index("loss")
    assert rows[0].startswith("step\u00a0\u00a0\u00a0\u00a0245  loss")
    assert rows[2].startswith("step\u00a021,700  loss")
    assert rows[3] == rows[3].rstrip()
    assert "ppl" not in rows[3]


def test_colours_of_runs_are_six_and_then_repeat():
    assert len({compare.colour(n, True) for n in range(12)}) == 6
    assert compare.colour(0, True) != compare.colour(0, False)


def test_a_record_or_two_have_no_clean_bill():
    little = check(parse("steps: 1\ntrain/loss: 3"))
    assert "too little to judge" in compare.flags(little).plain
    assert "no red flags" not in compare.flags(little).plain
    assert "to judge" not in compare.flags(check(parse("steps: 60\ntrain/loss: 3 -> 2"))).plain


def test_a_run_that_counts_epochs_is_not_drawn_beside_steps(make):
    steps = rival(make)
    run = replace(make.healthy_run(50), facts={names.STEP_UNIT: "epoch"})
    epochs = replace(steps, snapshot=replace(steps.snapshot, run=run, steps=(0.0, 3.04)))
    assert compare.together(steps.snapshot, [steps, epochs]) == (steps,)
    assert compare.together(epochs.snapshot, [steps, epochs]) == (epochs,)
    rows = [row.replace("\u00a0", " ") for row in compare.told([steps.snapshot, epochs.snapshot])]
    assert rows[0].startswith("last   step 245  loss")
    assert rows[1].startswith("last epoch 3.04  loss")
    assert "not drawn" not in rows[0]
    assert rows[1].endswith("not drawn: it counts epochs")
    assert compare.told([epochs.snapshot])[0].startswith("epoch\u00a03.04  loss")
