import pytest

from sad_doctor.readers.blanks import Blanks, is_blank


@pytest.mark.parametrize("value", [None, "", "NA", "n/a", "Null", "none", "-", "<NA>"])
def test_what_stands_for_nothing(value):
    assert is_blank(value)


@pytest.mark.parametrize("value", [0, False, "0", "NaN", "text", [], {}])
def test_what_stands_for_something(value):
    assert not is_blank(value)


def test_a_number_ends_what_was_blank():
    blanks = Blanks()
    assert not blanks
    for row in range(3):
        blanks.note("lr", 10.0 * row, row + 5)
    assert blanks.since == {"lr": (0.0, 20.0, 3, 5)}
    blanks.end("lr")
    blanks.end("never")
    assert not blanks


def test_only_a_column_that_was_dense_has_ended():
    blanks = Blanks()
    for key in ("dense", "sparse", "short", "unknown"):
        blanks.note(key, 9.0, 5 if key == "short" else 100)
    assert blanks.ended({"dense": 90, "sparse": 89, "short": 9}) == {"dense": (9.0, 9.0, 1)}
    assert blanks.ended({"short": 10}) == {"short": (9.0, 9.0, 1)}
