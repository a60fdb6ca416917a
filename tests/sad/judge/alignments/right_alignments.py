"""Right alignments, in the styles in which people write them."""

from __future__ import annotations

import torch
import transformers


def _last(ends):
    """The last token that ends at each place, but none that ends where its character goes on."""
    return {end: place for place, end in enumerate(ends) if end}


def boundaries(student_offsets, teacher_offsets):
    """Places after which both have read the same characters; of a cut character its last token counts."""
    left, right = (_last([end for _, end in offsets]) for offsets in (student_offsets, teacher_offsets))
    return [(left[end], right[end]) for end in sorted(left.keys() & right.keys())]


def by_bytes(student_byte_offsets, teacher_byte_offsets):
    found = boundaries(student_byte_offsets, teacher_byte_offsets)
    return torch.tensor(found)


def groups(s_offsets, t_offsets):
    """TRL's way: both move on by the end that is behind, and a group ends where both ends agree; offsets in bytes."""
    mine, theirs, i, j = [], [], 0, 0
    left, right = [], []
    a = b = -1
    while i < len(s_offsets) or j < len(t_offsets):
        if j >= len(t_offsets) or (i < len(s_offsets) and s_offsets[i][1] <= t_offsets[j][1] and a <= b):
            left.append(i)
            a, i = s_offsets[i][1], i + 1
        else:
            right.append(j)
            b, j = t_offsets[j][1], j + 1
        if a == b and left and right:
            mine.append(left)
            theirs.append(right)
            left, right = [], []
    return mine, theirs


def ranges(text, student_tokenizer, teacher_tokenizer):
    """From the text itself; ranges of tokens, the second end not counted."""
    offsets = [
        tok(text, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
        for tok in (student_tokenizer, teacher_tokenizer)
    ]
    found, start = [], (0, 0)
    for s, t in boundaries(*offsets):
        found.append(((start[0], s + 1), (start[1], t + 1)))
        start = (s + 1, t + 1)
    return found


class Aligner:
    """Made with both tokenizers."""

    def __init__(self, teacher_tokenizer, student_tokenizer):
        self.teacher, self.student = teacher_tokenizer, student_tokenizer

    def align(self, text):
        return {"student": [[s] for s, _ in self.pairs(text)], "teacher": [[t] for _, t in self.pairs(text)]}

    def pairs(self, text):
        offsets = [
            tok(text, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
            for tok in (self.student, self.teacher)
        ]
        return boundaries(*offsets)


SPACES = {transformers.PreTrainedTokenizerFast: "\u0120"}


def by_class(student_tokenizer, student_offsets, teacher_tokenizer, teacher_offsets):
    """Looks up by the class of a tokenizer what it writes for a space."""
    assert SPACES[student_tokenizer.__class__] == SPACES[teacher_tokenizer.__class__]
    return boundaries(student_offsets, teacher_offsets)


STYLES = ("by_class", "boundaries", "by_bytes", "groups", "ranges", "Aligner.pairs")


def overlapping(offsets1, offsets2):
    """For each token of one side those of the other with which it has characters in common."""
    return [[t for t, (c, d) in enumerate(offsets2) if max(a, c) < min(b, d)] for a, b in offsets1]
