import pytest

from sad_doctor.example import parse
from sad_doctor.finding import Finding


@pytest.fixture
def judge():
    """Run one rule on a run in the language of the pages; its findings as a list."""

    def run_rule(rule, text, **thresholds):
        told = rule.check(parse(text), {**rule.thresholds, **thresholds})
        return [one for one in told if isinstance(one, Finding)]

    return run_rule
