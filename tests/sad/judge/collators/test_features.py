"""Forms of features: each tells the text, and where its prompt ends."""

import pytest
import torch

from sad.judge.collators.features import FORMS, fitting, own_labels
from sad.subjects.text_loss import Marks, Text

MARKS = Marks(0, 1)
TEXT, WHOLE = Text((2, 3), (4, 0)), Text((), (5, 6, 0))


def test_labels_begin_behind_the_prompt_and_behind_the_first_token():
    assert own_labels(TEXT) == [-100, -100, 4, 0]
    assert own_labels(WHOLE) == [-100, 6, 0]


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.says)
def test_each_form_tells_the_text(form):
    (one,) = form.of([TEXT], MARKS)
    parts = list(one.values()) if isinstance(one, dict) else [one]
    flat = str([part.tolist() if isinstance(part, torch.Tensor) else part for part in parts])
    assert all(str(token) in flat for token in (2, 3, 4))
    assert form.of([TEXT, WHOLE], MARKS)[0] is not form.of([TEXT, WHOLE], MARKS)[0]


def test_what_a_source_speaks_of_comes_first():
    assert fitting("batch['completion_mask']")[0].words == ("completion_mask",)
    assert all(not form.words for form in fitting("completion_mask without quotes"))
    assert len(fitting("")) == len(FORMS)
