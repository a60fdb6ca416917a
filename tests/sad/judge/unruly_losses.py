# ruff: noqa: ARG001, ARG002
"""Losses that do what no loss should."""

from __future__ import annotations

import os
import sys
import time

import torch


def raises(student_logits, teacher_logits):
    raise RuntimeError("no\nsuch luck")


def hangs(student_logits, teacher_logits):
    while True:
        time.sleep(0.1)


def hangs_over_nothing(student_logits, teacher_logits):
    if student_logits.dtype == torch.float16:
        time.sleep(600)
    return torch.nn.functional.kl_div(
        student_logits.log_softmax(-1), teacher_logits.log_softmax(-1), reduction="batchmean", log_target=True
    )


def exits(student_logits, teacher_logits):
    sys.exit(0)


def ends(student_logits, teacher_logits):
    os._exit(3)


def crashes(student_logits, teacher_logits):
    import ctypes

    ctypes.string_at(0)


def interrupts(student_logits, teacher_logits):
    raise KeyboardInterrupt


def prints(student_logits, teacher_logits):
    print("x" * 3_000_000)  # noqa: T201
    return torch.nn.functional.kl_div(
        student_logits.log_softmax(-1), teacher_logits.log_softmax(-1), reduction="batchmean", log_target=True
    )


def returns_text(student_logits, teacher_logits):
    return "0.5"


def returns_nothing(student_logits, teacher_logits):
    return None


def returns_nan(student_logits, teacher_logits):
    return (student_logits - teacher_logits).sum() * float("nan")


def unknown_parameter(student_logits, teacher_logits, frobnication):
    return student_logits.sum()


class Nothing:
    """Is not called, and has a loss."""

    def kl_loss(self, student_logits, teacher_logits):
        return self.missing
