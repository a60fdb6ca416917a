import re
from pathlib import Path

import pytest

import sad_doctor.rules
from sad_doctor.causes import EXPLAINS
from sad_doctor.example import parse
from sad_doctor.finding import Level
from sad_doctor.rule import TooFew
from sad_doctor.rules import RULES

FOLDER = Path(sad_doctor.rules.__file__).parent


def test_tuple_is_the_directory():
    files = {path.stem for path in FOLDER.glob("*.py")} - {"__init__"}

    assert {rule.name.replace("-", "_") for rule in RULES} == files


def test_codes_and_names_are_unique_and_sorted():
    codes = [rule.code for rule in RULES]

    assert codes == sorted(set(codes))
    assert len({rule.name for rule in RULES}) == len(RULES)


def test_rules_do_not_import_rules():
    for path in FOLDER.glob("*.py"):
        if path.stem != "__init__":
            assert "sad_doctor.rules" not in path.read_text(encoding="utf-8"), path.name


def test_explained_names_exist():
    known = {rule.name for rule in RULES}

    for cause, consequences in EXPLAINS.items():
        assert {cause, *consequences} <= known
        assert cause not in consequences
        assert len(set(consequences)) == len(consequences)


def test_every_group_can_be_an_error():
    assert {rule.code[:2] for rule in RULES if rule.level == Level.ERROR} == {"R1", "R2", "R3", "R4", "R5"}


@pytest.mark.filterwarnings("ignore:.*:RuntimeWarning")
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_a_threshold_out_of_all_reason_breaks_no_rule(rule):
    """A count of less than none, a share below 0: it judges everything or nothing, and never crashes."""
    runs = [parse(text) for text in re.findall(r"```run \w+\n(.*?)```", rule.page, re.DOTALL)]
    judged = 0
    for name in rule.thresholds:
        for value in (-1e9, -1.0, 0.0, 0.3, 1e9):
            for run in runs:
                try:
                    list(rule.check(run, {**rule.thresholds, name: value}))
                except TooFew:
                    continue
                judged += 1
    assert judged or not rule.thresholds
