"""Alignments with one fault each."""

from __future__ import annotations


def by_number(student_ids, teacher_ids):
    """Places are matched by number, up to the shorter."""
    return [(i, i) for i in range(min(len(student_ids), len(teacher_ids)))]


def by_id(student_ids, teacher_ids):
    """Tokens are matched by id."""
    where = {token: place for place, token in enumerate(teacher_ids)}
    return [(i, where[token]) for i, token in enumerate(student_ids) if token in where] or [(0, 0)]


def first_of_a_character(student_offsets, teacher_offsets):
    """Of a character that is cut into tokens the first counts."""
    found = []
    for offsets in (student_offsets, teacher_offsets):
        ends = {}
        for place, (_, end) in enumerate(offsets):
            ends.setdefault(end, place)
        found.append(ends)
    return [(found[0][end], found[1][end]) for end in sorted(found[0].keys() & found[1].keys())]


def nearest(student_offsets, teacher_offsets):
    """Each token of the student with the teacher's whose end is nearest: every one has a partner."""
    return [
        (i, min(range(len(teacher_offsets)), key=lambda j: abs(teacher_offsets[j][1] - end)))
        for i, (_, end) in enumerate(student_offsets)
    ]


def composes(text, student_offsets, teacher_offsets):
    """Letters and their marks are counted as one: what ends between them ends behind them too."""
    import unicodedata

    found = []
    for offsets in (student_offsets, teacher_offsets):
        ends = {}
        for place, (_, end) in enumerate(offsets):
            if place + 1 == len(offsets) or offsets[place + 1][1] > end:
                ends.setdefault(len(unicodedata.normalize("NFC", text[:end])), place)
        found.append(ends)
    return [(found[0][end], found[1][end]) for end in sorted(found[0].keys() & found[1].keys())]


class Grouped:
    """Groups by what prefixes of ids decode to: half a character decodes to something else."""

    def __init__(self, config, student_tokenizer, teacher_tokenizer):
        self.skip, self.weight = config.skip_end, config.weight
        self.tokenizers = student_tokenizer, teacher_tokenizer

    def groups(self, student_ids, teacher_ids):
        assert (self.skip, self.weight) == (False, 1.0)
        spelled = [
            {tokenizer.decode(ids[: i + 1]): i for i in range(len(ids))}
            for tokenizer, ids in zip(self.tokenizers, (student_ids, teacher_ids), strict=True)
        ]
        return [(spelled[0][text], spelled[1][text]) for text in spelled[0] if text in spelled[1]]


def few(student_offsets, teacher_offsets):
    """Only the last token is paired."""
    return [(len(student_offsets) - 1, len(teacher_offsets) - 1)]


def same_strings(student_tokens, teacher_tokens):
    """Tokens of one string, wherever they stand."""
    where = {token: place for place, token in enumerate(teacher_tokens)}
    return [(i, where[token]) for i, token in enumerate(student_tokens) if token in where]


def first_with_first(student_offsets, teacher_offsets):
    """Every token is in a group, by its number; what is left of the longer reading is in the last."""
    size = min(len(student_offsets), len(teacher_offsets)) - 1
    single = [[i] for i in range(size)]
    return [*single, list(range(size, len(student_offsets)))], [*single, list(range(size, len(teacher_offsets)))]


def loses_the_rest(student_offsets, teacher_offsets):
    """Groups end with the shorter reading; the last tokens are in none."""
    size = min(len(student_offsets), len(teacher_offsets)) - 1
    return [[i] for i in range(size)], [[i] for i in range(size)]


def nothing(student_ids, teacher_ids):
    print(len(student_ids), len(teacher_ids))  # noqa: T201 - it prints


def out_of_range(student_ids, teacher_ids):
    return [(len(student_ids), len(teacher_ids))]


def raises(student_ids, teacher_ids):
    raise ValueError(f"{len(student_ids)} and {len(teacher_ids)} do not match")


def unknown(student_ids, teacher_ids, frobnication):
    return student_ids, teacher_ids, frobnication


FAULTS = {
    "composes": ("text_alignment", "pairs end at different bytes"),
    "Grouped.groups": ("text_alignment", "common places"),
    "by_number": ("text_alignment", "pairs end at different bytes"),
    "by_id": ("ids_permuted", "ids in another order"),
    "first_of_a_character": ("text_alignment", "pairs end at different bytes"),
    "nearest": ("text_alignment", "pairs end at different bytes"),
    "few": ("text_alignment", "common places"),
    "same_strings": ("text_alignment", "pairs end at different bytes"),
    "loses_the_rest": ("text_kept", "in no group"),
    "nothing": ("can_be_called", "None"),
    "out_of_range": ("can_be_called", "pairs token"),
    "raises": ("can_be_called", "do not match"),
}
"""The property that each breaks, and a word of what is said."""
