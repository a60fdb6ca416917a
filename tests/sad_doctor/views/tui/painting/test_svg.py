from __future__ import annotations

from xml.etree import ElementTree

from sad_doctor.views.tui.painting.svg import svg_of


async def test_the_title_is_escaped(make):
    app, _ = make.dashboard(make.healthy_run(), make.healthy_report())
    async with app.run_test(size=(80, 24)) as pilot:
        await make.settled(pilot)
        drawing = svg_of(app, "a <b> & [c]")
    text = "".join(ElementTree.fromstring(drawing).itertext())
    assert "a <b> & [c]" in text.replace("\xa0", " ")
