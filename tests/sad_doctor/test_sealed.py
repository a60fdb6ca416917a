"""What is sealed is what a frozen data class with slots is."""

from __future__ import annotations

import copy
import pickle
from dataclasses import FrozenInstanceError, dataclass, field, fields, replace

import pytest

from sad_doctor.sealed import sealed


@sealed
class Mine:
    """A value."""

    number: int
    text: str = "none"
    seen: list[int] = field(default_factory=list)
    page: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Theirs:
    """The same."""

    number: int
    text: str = "none"
    seen: list[int] = field(default_factory=list)
    page: str = field(default="", repr=False)


@sealed(eq=False)
class Alone:
    """Equals itself alone, and looks at what it is given."""

    number: int

    def __post_init__(self) -> None:
        if self.number < 0:
            raise ValueError("negative")


def test_it_is_made_and_shown_as_a_data_class_is() -> None:
    for given in ((1,), (1, "a"), (1, "a", [2], "p")):
        assert repr(Mine(*given)) == repr(Theirs(*given)).replace("Theirs", "Mine")  # type: ignore[arg-type]
    assert [one.name for one in fields(Mine)] == [one.name for one in fields(Theirs)]
    assert Mine.__match_args__ == Theirs.__match_args__
    assert Mine.__slots__ == Theirs.__slots__
    assert Mine(1).seen is not Mine(1).seen
    with pytest.raises(TypeError, match="number"):
        Mine()  # type: ignore[call-arg]


def test_equal_are_those_of_one_class_and_the_same_values() -> None:
    assert Mine(1) == Mine(number=1)
    assert Mine(1) not in (Mine(2), Theirs(1))
    assert len({Alone(1), Alone(1)}) == 2
    pair = (replace(Mine(1), seen=()), replace(Mine(1), seen=()))  # type: ignore[arg-type]
    assert hash(pair[0]) == hash(pair[1])


def test_nothing_of_it_is_changed_and_copies_are_made() -> None:
    mine = Mine(1, "a", [2])
    for change in (lambda: setattr(mine, "number", 2), lambda: delattr(mine, "text"), lambda: setattr(mine, "new", 2)):
        with pytest.raises(FrozenInstanceError, match="Mine is frozen"):
            change()
    assert mine == copy.copy(mine) == copy.deepcopy(mine) == pickle.loads(pickle.dumps(mine)) == Mine(1, "a", [2])
    assert replace(mine, number=3) == Mine(3, "a", [2])


def test_what_it_is_given_is_looked_at() -> None:
    with pytest.raises(ValueError, match="negative"):
        Alone(-1)
