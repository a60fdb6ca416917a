import pytest

from sad_doctor.example import parse


@pytest.fixture
def judge():
    """Run one rule on a run in the language of the pages; its findings as a list."""

    def run_rule(rule, text, **thresholds):
        return list(rule.check(parse(text), {**rule.thresholds, **thresholds}))

    return run_rule
