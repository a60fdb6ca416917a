import io

from rich.console import Console

from sad.bugs import BUGS
from sad.verify.view import Marks, Waiting, spells


def test_words_stand_for_marks_that_an_encoding_lacks():
    assert Marks.of("utf-8")[True] == "✓"
    assert (Marks.of("ascii")[True], Marks.of("latin-1")[False]) == ("OK", "FAIL")
    assert Marks.of("no such encoding")[True] == "OK"


def test_an_encoding_spells_what_it_has():
    assert spells("utf-8", "●·")
    assert not spells("ascii", "●·")


def test_a_bar_shows_how_far_it_is_on_a_terminal_and_nothing_elsewhere():
    outcomes = ["first", "second"]
    for terminal in (True, False):
        file = io.StringIO()
        console = Console(file=file, force_terminal=terminal, width=80)
        with Waiting(console) as waiting:
            assert list(waiting.over(BUGS[:2], outcomes)) == outcomes
        assert ("2/2" in file.getvalue()) is terminal
