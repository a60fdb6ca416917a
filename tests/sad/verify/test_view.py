import io

from rich.console import Console

from sad.bugs import BUGS
from sad.verdict import Verdict
from sad.verify.battery import Outcome
from sad.verify.view import Lines, Marks, Waiting, spells


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


def test_details_are_wrapped_to_the_width():
    file, says = io.StringIO(), " ".join(["word"] * 100)
    broken = (Verdict(False, says),)
    outcome = Outcome(BUGS[0], broken, {"a fix": broken}, (Verdict(True, "good"),), 0.1)
    Lines(Console(file=file, width=60), Marks.of("utf-8")).outcome(outcome, details=True)
    head, *rest = file.getvalue().splitlines()
    assert says in head
    assert len(rest) > 8
    assert all(len(line) <= 60 and line.startswith("    ") for line in rest)
    assert " ".join(line.strip() for line in rest) == f"documented fix (a fix): {says}"
