import pytest
from hypothesis import given
from hypothesis import strategies as st

from sad_doctor.readers import segments
from sad_doctor.readers.segments import Segments


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"a\nb\n", [(b"a", False), (b"b", False)]),
        (b"a\r\nb\r\n", [(b"a", False), (b"b", False)]),
        (b"bar 1\rbar 2\rend\n", [(b"bar 1", False), (b"bar 2", True), (b"end", True)]),
        (b"a\n\nb\n", [(b"a", False), (b"", False), (b"b", False)]),
    ],
)
def test_returns_and_newlines_end_a_segment(data, expected):
    assert [tuple(one) for one in Segments().feed(data)] == expected


@given(st.lists(st.sampled_from([b"a", b"\r", b"\n", b"\r\n", b"bc", b" "])))
def test_segments_do_not_depend_on_how_the_bytes_came(pieces):
    split, at_once = Segments(), Segments()
    assert [one for piece in pieces for one in split.feed(piece)] == at_once.feed(b"".join(pieces))
    assert split.rest == at_once.rest


def test_of_an_endless_segment_the_start_is_kept(monkeypatch):
    monkeypatch.setattr(segments, "LONGEST", 10)
    follower = Segments()
    assert follower.feed(b"x" * 8) == []
    assert follower.feed(b"y" * 1_000_000) == []
    assert follower.feed(b"\n")[0].text == b"xxxxxxxxyy"
