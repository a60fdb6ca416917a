"""What TorchScript compiled is called so, and read as it was written."""

from __future__ import annotations

import inspect

import torch

from sad.judge.losses.call import Call
from sad.judge.losses.context import source
from sad.judge.losses.discover import discover
from sad.judge.losses.found import found
from sad.judge.losses.scripted import as_written


@torch.jit.script
def kd_loss(student_logits: torch.Tensor, teacher_logits: torch.Tensor, mask: torch.Tensor, temperature: float = 1.0):
    """A logarithm of a number is TorchScript's alone."""
    log_q = torch.log_softmax(student_logits / temperature, -1)
    log_p = torch.log_softmax(teacher_logits / temperature, -1)
    rows = (log_p.exp() * (log_p - log_q)).sum(-1)
    return (rows * mask).sum() / mask.sum() * torch.exp(torch.log(temperature))


def plain(student_logits, teacher_logits):
    return (student_logits - teacher_logits).square().sum()


def test_it_has_its_signature_and_source_and_runs_compiled():
    call = Call(kd_loss)
    assert "torch.log(temperature)" in source(call)
    assert list(inspect.signature(call.target).parameters)[-1] == "temperature"
    one = found(discover(call, 0), 0)
    assert one.known
    assert one.name == "forward KL"
    assert call.form.rank == 3


def test_what_is_not_compiled_stays_as_it_is():
    assert as_written(plain) is plain
    assert as_written(3) == 3
