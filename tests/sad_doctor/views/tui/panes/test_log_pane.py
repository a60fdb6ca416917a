from __future__ import annotations

from dataclasses import replace


async def test_the_end_of_the_log_is_followed_unless_one_scrolled_away(make, tmp_path):
    path = tmp_path / "train.log"
    path.write_text("".join(f"step {n} loss 3\n" for n in range(200)) + "RuntimeError: CUDA\n")
    app, source = make.dashboard(make.sick_run(), make.sick_report())
    source.path = path
    async with app.run_test(size=(80, 24)) as pilot:
        await make.settled(pilot)
        pane = app.log_pane
        pane.show(path, make.sick_run().tail)
        app.prepare(pane)
        prepared = set(pane._strips)
        assert len(prepared) == 24
        await pilot.press("6")
        await make.settled(pilot)
        assert set(pane._strips) == prepared
        assert "RuntimeError: CUDA" in make.shown(app)
        error = next(s for s in make.segments(app) if "RuntimeError" in s.text)
        plain = next(s for s in make.segments(app) if "step 199" in s.text)
        assert error.style.color != plain.style.color
        with path.open("a") as file:
            file.write("the very last\n")
        source.grow(replace(make.sick_run()))
        app.tick()
        await make.settled(pilot)
        assert "the very last" in make.shown(app)
        await pilot.resize_terminal(80, 16)
        await make.settled(pilot)
        assert "the very last" in make.shown(app)
        await pilot.press("g")
        await pilot.pause(0.3)
        assert "step 0 loss" in make.shown(app)
        with path.open("a") as file:
            file.write("and one more\n")
        source.grow(replace(make.sick_run()))
        app.tick()
        await make.settled(pilot)
        assert pane.shown[-1] == "and one more"
        assert "step 0 loss" in make.shown(app)
