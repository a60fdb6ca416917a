from dataclasses import replace

import pytest

from sad.invariants.text_alignment import Read, text_alignment


def spelled(reader, text):
    """The tokens of a text; a mark stands for none of it."""
    read, marks = reader.tokenizer(text, add_special_tokens=False)["input_ids"], set(reader.tokenizer.all_special_ids)
    tokens = reader.tokenizer.convert_ids_to_tokens(read)
    return ["" if i in marks else token for i, token in zip(read, tokens, strict=True)]


def common(readers, text):
    def ends(reader):
        at, found = 0, {}
        for i, token in enumerate(spelled(reader, text)):
            at += len(token)
            found |= {at: i} if token else {}
        return found

    student, teacher = ends(readers.student), ends(readers.teacher)
    return [(student[end], teacher[end]) for end in sorted(student.keys() & teacher.keys())]


def ids(reader, text, piece=slice(None)):
    """As the model sees a stretch of tokens: behind the tokenizer's own mark, if it has one."""
    bare = reader.tokenizer(text, add_special_tokens=False)["input_ids"]
    dressed = reader.tokenizer(text)["input_ids"]
    return [*dressed[: len(dressed) - len(bare)], *bare[piece]]


def by_bytes(readers, text, length, skipped=1):
    """Windows from one common place to another, as many tokens as there is room for. What does not fit is skipped."""
    pairs, found, first, done = common(readers, text), [], 0, (0, 0)
    while first < len(pairs):
        fit = [
            k for k in range(first, len(pairs)) if max(p - d for p, d in zip(pairs[k], done, strict=True)) < length - 1
        ]
        if not fit:
            first += skipped
            done = tuple(p + 1 for p in pairs[first - 1])
            continue
        last = max(fit)
        stop = tuple(p + 1 for p in pairs[last])
        read = [
            ids(reader, text, slice(start, end))
            for reader, start, end in zip((readers.student, readers.teacher), done, stop, strict=True)
        ]
        marks = [len(seen) - (end - start) for seen, start, end in zip(read, done, stop, strict=True)]
        inside = [
            tuple(p - d + m for p, d, m in zip(pair, done, marks, strict=True)) for pair in pairs[first : last + 1]
        ]
        found.append(Read(*read, inside))
        first, done = last + 1, stop
    return found


def changed(change):
    """By bytes, with a change to each window."""
    return lambda *given: [change(read) for read in by_bytes(*given)]


def test_pairs_at_common_bytes_hold():
    verdict = text_alignment(by_bytes)
    assert verdict.holds
    assert verdict.numbers["wrong"] == 0


def test_a_window_that_is_longer_than_asked_for_breaks_it():
    def whole(readers, text, _):
        return by_bytes(readers, text, 512)

    assert "a window has" in text_alignment(whole).says


def test_a_word_that_is_left_out_with_one_that_does_not_fit_breaks_it():
    def two_at_a_time(readers, text, length):
        return by_bytes(readers, text, length, skipped=2)

    verdict = text_alignment(two_at_a_time)
    assert not verdict.holds
    assert verdict.says == "reads 32 of 38 bytes (words that fit into no window)"


def test_bytes_that_are_miscounted_break_it():
    assert "bytes, and is said to have 1 (" in text_alignment(changed(lambda read: replace(read, bytes=1))).says


def test_pairs_by_number_break_it():
    verdict = text_alignment(changed(lambda read: replace(read, pairs=[(i, i) for i in range(100)])))
    assert not verdict.holds
    assert "of 100 pairs end at different bytes" in verdict.says


def test_pairs_by_proportion_break_it():
    def interpolated(read):
        student, teacher = len(read.student), len(read.teacher)
        return replace(read, pairs=[(i, i * teacher // student) for i in range(student)])

    assert not text_alignment(changed(interpolated)).holds


def test_comparing_nothing_breaks_it():
    verdict = text_alignment(changed(lambda read: replace(read, pairs=[])))
    assert not verdict.holds
    assert verdict.says.startswith("compares 0 of 158 common places (168 and 160 tokens)")


def test_reading_nothing_breaks_it():
    assert "reads 0 of " in text_alignment(lambda *_: []).says


def test_leaving_out_the_rest_of_a_text_breaks_it():
    assert "bytes (the same, 32 at a time)" in text_alignment(lambda *given: by_bytes(*given)[:1]).says


def test_the_same_pair_over_and_over_breaks_it():
    assert not text_alignment(changed(lambda read: replace(read, pairs=read.pairs[:1] * 500))).holds


def test_one_pair_that_is_off_breaks_it():
    def off(read):
        return replace(read, pairs=[*read.pairs[:-1], (3, 4)])

    assert not text_alignment(changed(off)).holds


@pytest.mark.parametrize("pair", [(-1, -1), (10_000, 10_000)])
def test_places_that_are_not_there_break_it(pair):
    assert not text_alignment(changed(lambda read: replace(read, pairs=[*read.pairs[:-1], pair]))).holds


def test_a_mark_that_shifts_one_side_breaks_it():
    def shifted(readers, text, length):
        shift = len(readers.teacher.prefix)
        return [replace(r, pairs=[(s, t - shift) for s, t in r.pairs]) for r in by_bytes(readers, text, length)]

    verdict = text_alignment(shifted)
    assert "(a begin mark for the teacher, 32 tokens at a time)" in verdict.says
    assert "for the student" not in verdict.says


def test_a_window_that_holds_two_texts_breaks_it():
    def apart(readers, text, length):
        found = by_bytes(readers, text, length)
        return [replace(r, teacher=found[-1 - k].teacher) for k, r in enumerate(found)] if len(found) > 1 else found

    assert not text_alignment(apart).holds


def test_an_end_mark_is_no_place_before_it():
    def ended(readers, text, length):
        found = by_bytes(readers, text, length)
        if length != 512:
            return found
        ends = [reader.eos for reader in (readers.student, readers.teacher)]
        return [Read([*r.student, ends[0]], [*r.teacher, ends[1]], r.pairs) for r in found]

    assert text_alignment(ended).holds

    def late(*given):
        return [replace(r, pairs=[*r.pairs[:-1], (r.pairs[-1][0], r.pairs[-1][1] + 1)]) for r in ended(*given)]

    assert "end at different bytes" in text_alignment(late).says


def test_an_end_mark_inside_a_text_breaks_it():
    def ended(readers, text, length):
        found = by_bytes(readers, text, length)
        ends = [reader.eos for reader in (readers.student, readers.teacher)]
        return [Read([*r.student, ends[0]], [*r.teacher, ends[1]], r.pairs) for r in found]

    assert text_alignment(ended).says.startswith("an end mark stands where the text goes on (the same, 32 at a time)")


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


def test_a_mark_within_the_text_that_is_read_as_text_breaks_it(monkeypatch):
    # whatever stands at a number of a token is taken for that token
    monkeypatch.setitem(globals(), "spelled", lambda reader, text: reader.tokenizer.tokenize(text))
    assert "(marks within the text)" in text_alignment(by_bytes).says
