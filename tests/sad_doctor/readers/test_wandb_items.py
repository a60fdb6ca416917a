import json

from hypothesis import given
from hypothesis import strategies as st

from sad_doctor.readers.protobuf import fields
from sad_doctor.readers.wandb_items import item, items


def varint(value: int) -> bytes:
    return bytes([value]) if value < 0x80 else bytes([value & 0x7F | 0x80]) + varint(value >> 7)


def message(number: int, content: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(content)) + content


keys = st.lists(st.sampled_from(["loss", "é", "a/b", "x" * 140, ""]), min_size=1, max_size=2)
texts = st.one_of(
    st.floats().map(json.dumps), st.sampled_from(["1", "null", '"text"', "{}", "broken", "", '{"a": 1}', "[1, NaN]"])
)
made = st.builds(
    lambda key, told, number: message(
        1, b"".join(message(number, one.encode()) for one in key) + message(16, told.encode())
    ),
    *(keys, texts, st.sampled_from([1, 2])),
)


@given(st.lists(st.one_of(made, st.just(b"\x12\x02\x08\x05"), st.binary(max_size=5)), max_size=8))
def test_items_are_those_of_the_full_parser(parts):
    history = b"".join(parts)
    quick, end = items(history)
    full = list(fields(history[:end]))
    assert [number for number, _ in full] == [1] * len(quick)
    assert repr(quick) == repr([item(one) for _, one in full])


def test_usual_items_are_all_read_by_their_lengths():
    history = b"".join(message(1, message(2, b"loss") + message(16, str(one).encode())) for one in range(5))
    assert items(history + b"\x12\x02\x08\x05") == ([("loss", one) for one in range(5)], len(history))
    assert items(history[:-1]) == ([("loss", one) for one in range(4)], len(history) * 4 // 5)
