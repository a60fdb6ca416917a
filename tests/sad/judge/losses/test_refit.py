"""Another call is explained as the first was."""

import torch.nn.functional as F

from sad.judge.losses.call import Call
from sad.judge.losses.discover import discover
from sad.judge.losses.refit import refit
from sad.judge.losses.sample import given, sample


def loss(student_logits, teacher_logits, labels, temperature=1.0):
    soft = F.kl_div((student_logits / temperature).log_softmax(-1), (teacher_logits / temperature).softmax(-1))
    return soft + F.cross_entropy(student_logits, labels, label_smoothing=0.1)


def test_smoothing_and_temperature_are_found_again():
    shape = discover(Call(loss), 0)
    assert abs(shape.fit.smoothing - 0.1) < 1e-6
    again = refit(sample(shape.call, given(1, 1, temperature=3.0)), shape.fit, shape.call)
    assert again.good
    assert again.temperatures == (3.0, 3.0)
    assert abs(again.smoothing - 0.1) < 1e-6
