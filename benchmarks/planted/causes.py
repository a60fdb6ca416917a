"""What several faults may be told by."""

TAUGHT_WRONG = (
    "kd-stays",
    "lm-rises-while-kd-falls",
    "teacher-does-not-match",
    "teacher-drifts",
    "targets-degenerate",
    "term-rises",
    "columns-copied",
    "term-apart",
    "kd-out-of-step",
)
"""Of a student that is taught something else than the teacher, or by another teacher: each names one of the two."""
