from sad_doctor.example import parse
from sad_doctor.explain import explained
from sad_doctor.page import rule_of

RUN = parse("steps: 30\ntrain/weighted/a: 85\ntrain/weighted/lm: 15")


def section(code, run=RUN, changed=None):
    rule = rule_of(code)
    assert rule is not None
    page = explained(rule, run, changed)
    assert page.startswith(f"# {code} {rule.title}\n")
    return page.partition("## In this run\n")[2]


def test_a_rule_that_fires_shows_measure_threshold_and_proof():
    text = section("R203")

    assert "it fires, error." in text
    assert "measured: median share of a: 0.85 (threshold `share = 0.8`)" in text
    assert "The term a is 85.0% of the loss" in text
    assert "likely cause" in text


def test_a_rule_that_passes_shows_what_it_measured():
    text = section("R203", changed={"term-dominates": {"share": 0.9}})

    assert "it passed." in text
    assert "(threshold `share = 0.9`)" in text
    assert "changed here: `share = 0.9`" in text


def test_a_rule_that_cannot_judge_says_what_lacks():
    assert "not checked: the log has no train/lr." in section("R102")
    assert "not checked:" in section("R105")
