from dataclasses import replace

from sad_doctor.check import check
from sad_doctor.example import parse
from sad_doctor.readers import read
from sad_doctor.views.markdown import escape, render


def test_the_verdict_comes_first_and_consequences_are_folded(fixtures):
    run = read(fixtures / "run2.log")
    told = render(run, check(run))
    assert told.startswith("**The weights never moved: the evaluation loss is 51.7094")
    assert told.index("R101") < told.index("<details><summary>and that explains") < told.index("R102")
    assert told.count("<details>") == told.count("</details>")
    assert "Not checked: " in told
    assert told.count("The weights never moved: the evaluation loss") == 1


def test_nothing_from_the_log_is_markup():
    nasty = "a](http://x) **b** <script>|@someone #1 \x1b[31m`c`\n# d"
    run = replace(parse("steps: 4\ntrain/loss: 9 -> 8"), name=nasty, notes=(nasty,))
    told = render(run, check(run))
    for markup in ("](http", "**b", "<script", " @", " #1", "\x1b", " `c"):
        assert markup not in told
    assert escape("a_b") == "a\\_b"


def test_a_code_host_finds_no_name_no_number_and_no_address():
    """It looks for them in the text after the markup is read, where a backslash is gone; a comment stays."""
    told = escape("@someone see #12 and GH-3 at https://x.org www.x.org mailto:a@x.org step:3 3#")
    for called in ("@someone", "#12", "GH-3", "https://", "www.x", "mailto:", "@x.org"):
        assert called not in told.replace("\\", "")
    assert told.replace("<!-- -->", "").replace("\\", "") == (
        "@someone see #12 and GH-3 at https://x.org www.x.org mailto:a@x.org step:3 3#"
    )


def test_what_stands_between_backticks_in_a_rule_is_code_and_nothing_else():
    run = parse("steps: 60\ntrain/loss: 9 -> nan")
    report = check(run)
    nasty = "see `a_b @x` and `<b>` and `c_d"
    story = replace(report.stories[0], finding=replace(report.stories[0].finding, cause=nasty))
    told = render(run, replace(report, stories=(story,)))
    cause = next(line for line in told.splitlines() if line.startswith("**Cause:**"))
    assert cause == "**Cause:** see `a_b @x` and `<b>` and \\`c\\_d"
