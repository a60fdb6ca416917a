import json
import re
import shutil
import subprocess
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser

import pytest

from sad_doctor.check import check
from sad_doctor.example import parse
from sad_doctor.finding import Comparison, Row
from sad_doctor.readers import read
from sad_doctor.views.html import render

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


class Tags(HTMLParser):
    """The tags that a browser would see, and where each points to."""

    def __init__(self):
        super().__init__()
        self.seen, self.open, self.links = [], [], []

    def handle_starttag(self, tag, attributes):
        self.seen.append(tag)
        self.links += [value for key, value in attributes if key in ("src", "href", "onload", "onerror", "onclick")]
        if tag not in ("meta", "line", "circle", "polyline"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen.append(tag)
        assert not dict(attrs).keys() & {"src", "href"}

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def tags(page):
    found = Tags()
    found.feed(page)
    assert found.open == []
    return found


def test_the_page_needs_nothing_else(fixtures):
    run = read(fixtures / "healthy")
    page = render(run, check(run))
    assert tags(page).links == []
    assert tags(page).seen.count("figure") > 5
    assert "http" not in page.replace("http-equiv", "")


def test_code_is_code():
    run = parse("steps: 60\ntrain/loss: 9 -> nan")
    report = check(run)
    story = replace(report.stories[0], finding=replace(report.stories[0].finding, remedy="run `sad <b>` and `c"))
    page = render(run, replace(report, stories=(story,)))
    assert "<dd>run <code>sad &lt;b&gt;</code> and `c</dd>" in page


def test_nothing_from_the_log_is_markup():
    nasty = "</script><img src=x onerror=alert(1)>\x1b[2J\u202e"
    run = parse("steps: 40\ntrain/loss: 9 -> 8")
    run = replace(run, name=nasty, notes=(nasty,), columns={**run.columns, nasty: run.columns["train/loss"]})
    page = render(run, check(run))
    # it is told all the same
    assert "<title>&lt;/script&gt;&lt;img src=x onerror=alert(1)&gt;" in page
    found = tags(page)
    assert found.links == []
    assert "img" not in found.seen
    assert "\x1b" not in render(run, check(run))


@pytest.mark.skipif(BROWSER is None, reason="no browser here")
def test_a_browser_runs_the_script_of_the_page(fixtures, tmp_path):
    run = read(fixtures / "healthy")
    # a script of the test's own is refused by the page's policy; what the page's own does can be seen
    page = render(run, check(run)).replace("</body>", "<script>document.title='foreign'</script></body>")
    (tmp_path / "page.html").write_text(page, encoding="utf-8")
    call = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}", "--dump-dom"]
    shown = subprocess.run([*call, (tmp_path / "page.html").as_uri()], capture_output=True, text=True, timeout=120)
    assert "<title>foreign" not in shown.stdout
    assert "data-ready" in shown.stdout


PLAY = """
const figure = document.querySelector('figure[data-chart]'), svg = figure.querySelector('svg');
const box = svg.getBoundingClientRect();
const at = (kind, share) => svg.dispatchEvent(new PointerEvent(kind, {
  clientX: box.left + share * box.width, clientY: box.top + box.height / 2, bubbles: true,
}));
const told = [], first = figure.querySelector('button b');
const note = () => told.push([figure.querySelector('.at').textContent, first.textContent,
  svg.querySelectorAll('.zoom').length, svg.querySelectorAll('.off').length]);
note(); at('pointermove', 0.5); note();
at('pointerleave', 0.5); note();
at('pointerdown', 0.4); at('pointerup', 0.6); note();
svg.dispatchEvent(new MouseEvent('dblclick')); note();
figure.querySelector('button').click(); note();
document.title = JSON.stringify(told);
"""


@pytest.mark.skipif(BROWSER is None, reason="no browser here")
def test_the_charts_answer_the_pointer(tmp_path):
    run = parse("steps: 101\ntrain/loss: 9 -> 8")
    page = render(run, check(run)).replace("</body>", f"<script>{PLAY}</script></body>")
    # without the page's policy, which the test above is about: this script is not the page's
    page = re.sub('<meta http-equiv="Content-Security-Policy"[^>]*>', "", page)
    (tmp_path / "page.html").write_text(page, encoding="utf-8")
    call = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}", "--dump-dom"]
    shown = subprocess.run([*call, (tmp_path / "page.html").as_uri()], capture_output=True, text=True, timeout=120)
    before, over, left, zoomed, whole, hidden = json.loads(unescape(re.search("<title>(.*?)</title>", shown.stdout)[1]))
    assert before == ["", "8.0000", 0, 0]
    step, value = int(over[0].removeprefix("step ")), float(over[1])
    assert 40 < step < 62
    assert value == pytest.approx(9 - (step - 1) / 100)
    assert left[1:] == before[1:]
    low, high = map(float, re.fullmatch(r"steps ([\d.]+) to ([\d.]+) \(double click: all\)", zoomed[0]).groups())
    assert low < step < high
    assert 15 < high - low < 30
    assert zoomed[2] == 1
    assert whole == before
    assert hidden[3] == 1


def test_the_run_beside_a_good_one_is_an_article_with_its_points():
    run = parse("steps: 60\ntrain/loss: 9 -> 3")
    rows = tuple(Row("total", f"step {n}", 3.0, "3.0", "2.0", "above") for n in (1, 2))
    beside = Comparison("Beside the band", "2 of 2 lie above <b>", rows, ("a note",))
    page = render(run, replace(check(run), comparisons=(beside, Comparison("Beside another", "nothing in common"))))
    assert page.count("<article") == page.count("</article>") > 1
    assert "<h2>Beside the band</h2><p>2 of 2 lie above &lt;b&gt;</p>" in page
    assert "<td>total</td><td>step 2</td><td>3.0</td><td>2.0</td><td>above</td>" in page
    assert "a note" in page
    assert page.count("All points: ") == 1
