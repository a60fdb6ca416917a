import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sad_doctor.sanitize import LONGEST, sanitize

ESCAPES = [
    "\x1b[31m",
    "\x1b[2J",
    "\x1b[1;5H",
    "\x1b]0;title\x07",
    "\x1b]8;;http://x\x1b\\",
    "\x1bPq#0\x1b\\",
    "\x1bc",
    "\x1b(B",
]
anything = st.one_of(
    st.text(),
    st.lists(st.one_of(st.sampled_from([*ESCAPES, "\x1b", "[", "]", "\x9b", "\u202e", "a"]), st.characters())).map(
        "".join
    ),
)


@pytest.mark.parametrize("escape", ESCAPES)
def test_escape_sequences_vanish(escape):
    assert sanitize(f"a{escape}b") == "ab"


@pytest.mark.parametrize(
    "character",
    [*"\x00\x07\x08\r\x1b\x7f\x85\x9b\x9d\u061c\u200b\u200e\u2028\u202e\u2066\u206f\ufeff\ud800\U000e0041"],
)
def test_other_unsafe_characters_are_replaced(character):
    assert sanitize(f"a{character}") == "a\ufffd"


@pytest.mark.parametrize(
    "text", ["", "plain", "tab\tand\nnewline", "é 語 ▍ ─ 😀 ñ", "[/nope] [bold]x[/] [@click=app.quit]y[/]"]
)
def test_text_stays(text):
    assert sanitize(text) == text


def test_an_escape_that_is_left_when_another_goes_is_no_escape():
    assert "\x1b" not in sanitize("\x1b\x1b[31m[2J")
    assert "\x1b" not in sanitize("\x1b\x1b]0;a\x07]0;b\x07")


def test_long_text_is_cut_and_says_so():
    assert sanitize("x" * 10, 10) == "x" * 10
    assert sanitize("x" * 11, 10) == "x" * 9 + "…"
    assert len(sanitize("x" * 10_000_000)) == LONGEST
    assert sanitize("\x1b[31m" * 20 + "x" * 100, 10).endswith("…")


@given(text=anything)
def test_nothing_that_moves_the_terminal_is_left(text):
    cleaned = sanitize(text)
    assert len(cleaned) <= LONGEST
    assert all(unicodedata.category(one) not in ("Cc", "Cs") or one in "\t\n" for one in cleaned)
    assert all(
        unicodedata.bidirectional(one) not in ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
        for one in cleaned
    )
    cleaned.encode()


@given(text=anything, longest=st.integers(1, 50))
def test_cleaning_twice_is_cleaning_once(text, longest):
    once = sanitize(text, longest)
    assert len(once) <= longest
    assert sanitize(once, longest) == once
