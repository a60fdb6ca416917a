import pytest

from sad_doctor.check import check
from sad_doctor.example import parse
from sad_doctor.finding import Level
from sad_doctor.rule import TooFew
from sad_doctor.rules.too_few_records import RULE


def test_it_is_a_hint_and_judges_nothing(judge):
    (finding,) = judge(RULE, "steps: 9\ntrain/loss: 5")

    assert finding.level == Level.INFO
    assert "9 records of the training loss" in finding.headline
    assert not check(parse("steps: 9\ntemperature: 5"), (RULE,)).judged
    assert not check(parse("steps: 99\ntemperature: 5"), (RULE,)).judged
    with pytest.raises(TooFew):
        judge(RULE, "event end: over")


@pytest.mark.parametrize(("names", "said"), [(101, "101 series in all"), (100, "The run is young")])
def test_a_record_with_names_of_its_own_is_no_young_run(judge, names, said):
    (finding,) = judge(RULE, "steps: 1\n" + "\n".join(f"temperature/{i}: 5" for i in range(names)))
    assert said in finding.cause
