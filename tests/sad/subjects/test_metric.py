import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from sad.shipped.metric import metric
from sad.subjects.metric import AGREEMENT, KL, LM_LOSS, NAMES, PERPLEXITY, Scored

VOCABULARY = 7


@st.composite
def processes(draw):
    """Batches of random shapes, of which some labels count, on one to three processes."""
    noise = torch.Generator().manual_seed(draw(st.integers(0, 1000)))
    made = []
    for count in draw(st.lists(st.integers(1, 3), min_size=1, max_size=3)):
        batches = []
        for _ in range(count):
            rows, length = draw(st.integers(1, 3)), draw(st.integers(2, 9))
            student, teacher = torch.randn(2, rows, length, VOCABULARY, generator=noise)
            labels = torch.randint(0, VOCABULARY, (rows, length), generator=noise)
            labels[torch.rand(rows, length, generator=noise) < 0.4] = -100
            batches.append(Scored(student, teacher, labels))
        made.append(batches)
    made[0][0].labels[0, -1] = 1
    return made


@given(spread=processes())
def test_the_evaluation_that_trains_reports_what_all_labels_give_at_once(spread):
    batches = [batch for batches in spread for batch in batches]
    kept = [batch.labels[:, 1:] != -100 for batch in batches]
    student, teacher, labels = (
        torch.cat([of(batch)[keep] for batch, keep in zip(batches, kept, strict=True)])
        for of in (lambda b: b.student_logits[:, :-1], lambda b: b.teacher_logits[:, :-1], lambda b: b.labels[:, 1:])
    )
    loss = F.cross_entropy(student.double(), labels).item()
    told = metric()(spread)
    assert told[LM_LOSS] == pytest.approx(loss, rel=1e-5)
    assert told[PERPLEXITY] == pytest.approx(math.exp(loss), rel=1e-4)
    kl = F.kl_div(student.double().log_softmax(-1), teacher.double().softmax(-1), reduction="batchmean")
    assert told[KL] == pytest.approx(kl.item(), rel=1e-4)
    assert told[AGREEMENT] == pytest.approx((student.argmax(-1) == teacher.argmax(-1)).double().mean().item())
    assert set(told) <= set(NAMES)
