"""What each term of the objective takes from a batch that both models have read: the teacher's part, the view that a
term gets, and the table of terms. A user's own terms are in :mod:`sad.terms.custom`.
"""

from sad.terms.table import NEED_STATES, TERMS
from sad.terms.teacher import TeacherOutput, attention_at_boundaries, teacher_chunks, teacher_output
from sad.terms.view import AttentionPairs, View, divergence

__all__ = [
    "NEED_STATES",
    "TERMS",
    "AttentionPairs",
    "TeacherOutput",
    "View",
    "attention_at_boundaries",
    "divergence",
    "teacher_chunks",
    "teacher_output",
]
