import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sad_doctor.readers.scalar_events import ScalarEvents
from sad_doctor.readers.tensorboard import EventLog, scalars


def varint(value: int) -> bytes:
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def message(number: int, content: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(content)) + content


def event(step: int, tag: str, value: float, form: str = "simple") -> bytes:
    """An event as one of the writers has it."""
    bits = struct.pack("<f", value)
    told = b"\x15" + bits
    if form == "tensor":
        told = message(8, b"\x08\x01" + message(2, b"") + message(5, bits)) + message(9, message(1, b"\x0a\x07scalars"))
    elif form == "content":
        told = message(8, b"\x08\x01\x12\x00" + message(4, bits))
    elif form == "twice":
        told += message(1, b"other")
    body = b"\x09" + struct.pack("<d", 1.7e9 + step) + (b"\x10" + varint(step) if step else b"")
    body += message(5, message(1, message(1, tag.encode()) + told))
    return body + (b"\x10\x07" if form == "step again" else b"")


def record(body: bytes) -> bytes:
    return struct.pack("<QI", len(body), 0) + body + bytes(4)


FORMS = ("simple", "tensor", "content", "twice", "step again")
TAGS = ("loss", "a/b", "é" * 30, "x" * 150)
made = st.builds(
    event, st.integers(0, 1 << 40), st.sampled_from(TAGS), st.floats(width=32), st.sampled_from(FORMS)
)  # fmt: skip


class Plain(ScalarEvents):
    """Knows no event."""

    def read(self, _: bytes, at: int) -> int:
        return at


@given(events=st.lists(made, max_size=40), data=st.data())
def test_it_reads_what_the_full_parser_reads(events, data, tmp_path_factory):
    path = tmp_path_factory.mktemp("events") / "events.out.tfevents.1.a"
    stream = b"".join(map(record, events))
    if data.draw(st.booleans()) and stream:
        at = data.draw(st.integers(0, len(stream) - 1))
        stream = stream[:at] + data.draw(st.binary(max_size=4)) + stream[at + data.draw(st.integers(0, 4)) :]
    path.write_bytes(stream)
    found = []
    for one in (ScalarEvents, Plain):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("sad_doctor.readers.tensorboard.ScalarEvents", one)
            log = EventLog(path)
            log.poll()
            run = log.run()
            columns = [(name, c.step.tobytes(), c.value.tobytes()) for name, c in run.columns.items()]
            found.append((columns, run.notes, run.facts))
    assert repr(found[0]) == repr(found[1])


@pytest.mark.parametrize("form", ["simple", "tensor", "content"])
def test_a_tag_is_known_after_its_first_event(form):
    taken = []
    quick = ScalarEvents(lambda *found: taken.append(found), scalars)
    first = event(3, "loss", 2.5, form)
    assert quick.read(record(first), 0) == 0
    quick.add(first, 3, "loss", 2.5)
    rest = record(event(200, "loss", -1.5, form)) * 2
    assert quick.read(rest, 0) == len(rest)
    quick.flush()
    assert taken == [(["loss"] * 3, [3, 200, 200], [2.5, -1.5, -1.5])]


@pytest.mark.parametrize("form", ["twice", "step again"])
def test_an_event_that_means_something_else_is_not_learnt(form):
    quick = ScalarEvents(lambda *_: None, scalars)
    body = event(7, "loss", 2.5, form)
    quick.add(body, 7, "loss", 2.5)
    assert quick.read(record(body), 0) == 0
