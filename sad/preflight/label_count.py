"""Each window's labels, counted against the tokens of its text: none is dropped, none is invented."""

from __future__ import annotations

import numpy as np

from sad.align.reader import Ints, Reader
from sad.batch import Targets
from sad.data import Example, collate
from sad.preflight.bench import Bench
from sad.preflight.finding import Finding, Level, judged

TOPIC = "labels"
LOOKED_AT = 256
"""Windows that are counted, from the beginning of the text. Nothing is computed: a millisecond each."""
AT_ONCE = 16


def count_labels(bench: Bench) -> Finding:
    """Judge whether every token from the first common boundary on is a label once, in both readings."""
    readers = bench.plan.pair.readers
    some = bench.plan.train[:LOOKED_AT]
    missing, extra, count, worst = 0, 0, 0, -1
    for start in range(0, len(some), AT_ONCE):
        part = some[start : start + AT_ONCE]
        batch = collate(part, readers)
        for row, one in enumerate(part):
            both = _wanted(one, readers.student, readers.teacher)
            for wanted, targets in zip(both, (batch.targets, batch.teacher_targets), strict=True):
                found = _places(targets, row)
                lost = len(np.setdiff1d(wanted, found))
                if lost and worst < 0:
                    worst = start + row
                missing, count = missing + lost, count + len(wanted)
                extra += len(found) - (len(wanted) - lost)
    ends = sum(one.student[-1] == readers.student.eos for one in bench.plan.train)
    if not missing and not extra and not ends and readers.student.eos is not None and readers.teacher.eos is not None:
        says = f"no window of {len(bench.plan.train):,} ends with the student's EOS: the student will not learn to stop"
        return Finding(TOPIC, Level.WARNING, says, advice="see that the texts are whole documents, one a row")
    where = f", the first in window {worst}" if worst >= 0 else ""
    return judged(
        TOPIC,
        bool(missing or extra),
        f"{len(some)} windows: all {count:,} tokens of both readings that a state can predict are labels, each once; "
        f"{ends:,} of {len(bench.plan.train):,} windows end a text and teach its end",
        f"{missing:,} of {count:,} tokens in {len(some)} windows are not a label{where}; {extra:,} labels are too many",
        advice="the code that trains is at fault: run sad verify end-mark-is-masked",
        numbers={"missing": missing, "extra": extra, "count": count, "ends": float(ends)},
    )


def _wanted(one: Example, student: Reader, teacher: Reader) -> tuple[Ints, Ints]:
    """Return the positions of both readings that are to predict a label: of a chat, what its ranges say."""
    if one.runs is not None:
        return one.labels()
    mine, theirs = first_boundary(one, student, teacher)
    return np.arange(mine, len(one.student) - 1), np.arange(theirs, len(one.teacher) - 1)


def first_boundary(one: Example, student: Reader, teacher: Reader) -> tuple[int, int]:
    """Return the position, in each reading, of the first state whose labels cover the same bytes in both.

    Found from the bytes of the tokens alone. Where a tokenizer's tokens do not spell its text (WordPiece, say), the
    example's own first boundary is returned: of those nothing else is known here.
    """
    if student.fingerprint == teacher.fingerprint:
        return max(0, len(student.prefix) - 1), max(0, len(teacher.prefix) - 1)
    mine, theirs = _ends(one.student, student), _ends(one.teacher, teacher)
    if mine is None or theirs is None or mine[-1] != theirs[-1]:
        return int(one.at_student[0]), int(one.at_teacher[0])
    # before the text nothing is read, and there is a state only where both put a mark there
    least = 0 if student.prefix and teacher.prefix else 1
    shared = np.intersect1d(mine, theirs)
    if not (shared >= least).any():
        return int(one.at_student[0]), int(one.at_teacher[0])
    end = shared[shared >= least][0]
    # the last token that ends there, after which all of that text has been read
    return int(np.flatnonzero(mine == end)[-1]), int(np.flatnonzero(theirs == end)[-1])


def _ends(ids: Ints, reader: Reader) -> Ints | None:
    """Bytes read after each token; marks before and behind the text spell none. None where a token spells nothing."""
    before = len(reader.prefix)
    inside = ids[before : -1 if ids[-1] == reader.eos else None].tolist()
    spelled = [reader.bytes[i] for i in inside]
    if any(text is None for text in spelled):
        return None
    lengths = [0] * before + [len(text or b"") for text in spelled]
    return np.cumsum(np.array(lengths, dtype=np.int64)) if lengths else None


def _places(targets: Targets, row: int) -> Ints:
    found: Ints = targets.position[targets.row == row].numpy()
    return found
