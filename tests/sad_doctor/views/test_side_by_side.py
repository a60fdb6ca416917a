import io
from dataclasses import replace

import pytest

from sad_doctor.check import check
from sad_doctor.example import parse
from sad_doctor.views.side_by_side import better, render, show

HELD = "steps: 50\ntrain/loss: 6 -> {}\nsteps: 10, 50\n{}"


def run(name, text, **facts):
    made = parse(text)
    return replace(made, name=name, facts={**made.facts, **facts})


@pytest.fixture
def two():
    return [
        run("runs/one", HELD.format(3.2, "eval/bits_per_byte: 2, 1.42\neval/kl: 1, 0.5")),
        run("runs/other", HELD.format(1.1, "eval/bits_per_byte: 2, 1.297")),
    ]


def test_last_values_stand_side_by_side_with_the_verdicts(two):
    text = render([(one, check(one)) for one in two])

    rows = {line[:26].strip(): line[26:].split() for line in text.splitlines() if len(line) == 26 + 2 * 18}
    assert rows == {
        "": ["A", "B"],
        "Last step": ["50", "50"],
        "Training loss": ["3.2", "1.1"],
        "Bits per byte": ["1.42", "1.297"],
        "KL to the teacher": ["0.5", "-"],
    }
    assert "\n  A  runs/one: " in text
    assert "\n  B  runs/other: " in text
    assert text.endswith("\n  Better on held-out text: B, bits per byte 1.297 against 1.42 of A.\n")


def test_many_runs_go_into_tables_that_fit(two):
    text = render([(one, check(one)) for one in 4 * two], width=80)

    assert max(len(line) for line in text.splitlines()) <= 80
    assert [line.split() for line in text.splitlines() if line.startswith(" " * 26)] == [
        ["A", "B", "C"],
        ["D", "E", "F"],
        ["G", "H"],
    ]


@pytest.mark.parametrize(
    ("one", "other", "says"),
    [
        ("eval/bits_per_byte: 2, 1.3", "eval/bits_per_byte: 2, 1.302", "A and B end alike: bits per byte 1.3 "),
        # the last value counts, not the lowest
        ("eval/lm_loss: 1, 3", "eval/lm_loss: 4, 2", "Better on held-out text: B, LM loss 2 against 3 of A."),
        ("eval/lm_loss: 4, 3", "eval/lm_loss: 4, nan", "not known"),
        ("eval/lm_loss: 4, 3", "train/grad_norm: 1", "not known"),
        # by bytes B is worse, by its longer tokens too
        (
            "eval/lm_loss: 4, 3\neval/bits_per_byte: 2, 1.2",
            "eval/lm_loss: 4, 2\neval/bits_per_byte: 2, 1.3",
            "held-out text: A, bits per byte",
        ),
    ],
)
def test_which_is_better_on_held_out_text(one, other, says):
    assert says in better([run("a", HELD.format(1, one)), run("b", HELD.format(1, other))])


def test_nats_of_two_vocabularies_and_texts_set_differently_are_told():
    text = HELD.format(1, "eval/lm_loss: 4, 3"), HELD.format(1, "eval/lm_loss: 4, 2")
    apart = [run("a", text[0], vocabulary_size=600), run("b", text[1], vocabulary_size=900)]
    assert "not known" in better(apart)
    other = [run("a", text[0], config={"data": {"text": "x"}}), run("b", text[1], config={"data": {"text": "y"}})]
    assert better(other).endswith("Their settings of the data differ: see that the held-out text is the same.")
    same = [replace(one, facts=other[0].facts) for one in other]
    assert better(same).endswith("3 of A.")


def test_a_name_from_a_log_is_one_clean_line(two):
    wild = replace(two[0], name="a\x1b[31m\nbé")
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    show([(wild, check(wild)), (two[1], check(two[1]))], out)
    out.flush()
    text = out.buffer.getvalue().decode("ascii")
    assert "\x1b" not in text
    assert "b?: " in text
