import pytest

from sad.invariants.text_alignment import text_alignment


def by_bytes(readers, text):
    def spell(reader):
        at, found = 0, {}
        for i, token in enumerate(reader.tokenizer.tokenize(text)):
            at += len(token)
            found[at] = i
        return found

    student, teacher = spell(readers.student), spell(readers.teacher)
    return [(student[end], teacher[end]) for end in sorted(student.keys() & teacher.keys())]


def test_pairs_at_common_bytes_hold():
    verdict = text_alignment(by_bytes)
    assert verdict.holds
    assert verdict.numbers["wrong"] == 0


def test_pairs_by_number_break_it():
    verdict = text_alignment(lambda *_: [(i, i) for i in range(100)])
    assert not verdict.holds
    assert "of 100 pairs end at different bytes" in verdict.says


def test_pairs_by_proportion_break_it():
    def interpolated(readers, text):
        student, teacher = (len(r.tokenizer.tokenize(text)) for r in (readers.student, readers.teacher))
        return [(i, i * teacher // student) for i in range(student)]

    assert not text_alignment(interpolated).holds


def test_comparing_nothing_breaks_it():
    verdict = text_alignment(lambda *_: [])
    assert not verdict.holds
    assert verdict.says.startswith("compares 0 of 159 common places (168 and 160 tokens)")


def test_the_same_pair_over_and_over_breaks_it():
    assert not text_alignment(lambda readers, text: by_bytes(readers, text)[:1] * 500).holds


def test_one_pair_that_is_off_breaks_it():
    verdict = text_alignment(lambda readers, text: [*by_bytes(readers, text)[:-1], (3, 4)])
    assert not verdict.holds


@pytest.mark.parametrize("pair", [(-1, -1), (10_000, 10_000)])
def test_places_that_are_not_there_break_it(pair):
    assert not text_alignment(lambda readers, text: [*by_bytes(readers, text)[:-1], pair]).holds


def test_a_crash_is_said_in_its_own_words():
    def crash(*_):
        raise ValueError("two lengths\nand more")

    verdict = text_alignment(crash)
    assert not verdict.holds
    assert verdict.says == "two lengths"


def test_a_crash_without_words_is_said_too():
    def crash(*_):
        raise AssertionError

    assert text_alignment(crash).says == "AssertionError"
