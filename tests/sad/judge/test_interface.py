"""Interfaces and the properties of each."""

from sad import catalogue
from sad.judge import battery
from sad.judge.interface import ADAPTED, PROPERTIES, Interface
from sad.judge.plugin import KINDS


def test_every_interface_has_properties_a_flag_and_a_function():
    assert tuple(Interface) == KINDS
    assert set(ADAPTED) == set(Interface)
    assert set(PROPERTIES) == set(Interface) - {Interface.LOSS}
    assert Interface.STEP.flag == "--step"
    assert Interface.ALIGNMENT.adapted == "align"


def test_properties_are_numbered_where_they_are_of_the_twenty():
    for interface, names in PROPERTIES.items():
        assert names[0] == "can_be_called"
        assert len(set(names)) == len(names)
        numbered = battery.numbers(interface)
        assert numbered
        assert numbered.items() <= catalogue.numbers().items()
