import pytest

from sad_doctor.example import parse
from sad_doctor.signals import temperature


@pytest.mark.parametrize("name", ["T", "kd_temperature", "temperature", "train/tau"])
def test_a_temperature_by_its_usual_names(name):
    assert temperature(parse(f"steps: 5\n{name}: 4")) == 4


@pytest.mark.parametrize("line", ["gpu_temp: 70", "sampling_temperature: 2", "T: 1", "attempt: 3"])
def test_others_are_none(line):
    assert temperature(parse(f"steps: 5\n{line}")) is None
