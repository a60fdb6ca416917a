"""A dataclass of ours and one of the standard library, of the same definition, cannot be told apart."""

from __future__ import annotations

import copy
import dataclasses
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sad_doctor.dataclass import dataclass, field
from sad_doctor.finding import Reading

NONE, VALUE, MADE, UNTOLD = "no default", "a value", "a list of its own", "not in repr"
kinds = st.lists(st.sampled_from([NONE, VALUE, MADE, UNTOLD]), max_size=4).map(
    lambda found: sorted(found, key=NONE.__ne__)
)
values = st.integers(-2, 2) | st.floats(allow_nan=False) | st.text(max_size=2)


def made(make, told: list[str], **options):
    """Return a class with a field of each kind, made by one of the two decorators."""
    body: dict[str, object] = {"__annotations__": {f"f{n}": "object" for n in range(len(told))}, "__module__": __name__}
    for n, kind in enumerate(told):
        if kind == VALUE:
            body[f"f{n}"] = n
        elif kind == MADE:
            body[f"f{n}"] = field(default_factory=list)
        elif kind == UNTOLD:
            body[f"f{n}"] = field(default=None, repr=False)
    return make(**options)(type("Made", (), body))


def seen(do):
    """Return what comes of it: what it returns, or the error and what that says."""
    try:
        return do()
    except Exception as error:
        return type(error), str(error)


@given(kinds, st.booleans(), st.booleans(), st.booleans(), st.lists(values, max_size=5), st.lists(values, max_size=5))
def test_it_does_what_the_standard_library_does(told, frozen, slots, eq, some, others):
    looks = []
    for make in (dataclass, dataclasses.dataclass):
        cls = made(make, told, frozen=frozen, slots=slots, eq=eq)
        one = seen(lambda: cls(*some))  # noqa: B023
        if not isinstance(one, cls):
            looks.append(one)
            continue
        named = cls(**{f"f{n}": value for n, value in enumerate(some)})
        other = seen(lambda: cls(*others))  # noqa: B023
        looks.append(
            (
                repr(one),
                one == named,
                one == other,
                one == 1,
                seen(lambda: hash(one)) if eq and frozen else cls.__hash__ is None,  # noqa: B023
                seen(lambda: setattr(one, "f0", 7) or repr(one)),  # noqa: B023
                seen(lambda: delattr(one, "f0")),  # noqa: B023
                seen(lambda: repr(dataclasses.replace(one, f1=8))),  # noqa: B023
                seen(lambda: repr(copy.copy(named))),  # noqa: B023
                [f.name for f in dataclasses.fields(cls)],
                cls.__match_args__,
                hasattr(one, "__dict__"),
            )
        )
    assert looks[0] == looks[1]


def test_a_value_that_is_made_is_made_each_time():
    cls = made(dataclass, [MADE], frozen=True, slots=True)
    one, other = cls(), cls()
    one.f0.append(1)
    assert other.f0 == []


def test_a_method_of_its_own_stays_and_what_follows_the_start_is_done():
    @dataclass(frozen=True, slots=True)
    class Told:
        text: str

        def __post_init__(self) -> None:
            if not self.text:
                raise ValueError("empty")

        def __repr__(self) -> str:
            return f"<{self.text}>"

    assert repr(Told("a")) == "<a>"
    with pytest.raises(ValueError, match="empty"):
        Told("")


def test_it_can_be_sent_to_another_process():
    one = Reading("share", 0.5)
    assert pickle.loads(pickle.dumps(one)) == one
