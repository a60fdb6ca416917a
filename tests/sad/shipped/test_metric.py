import math

import pytest
import torch
import torch.distributed as dist

from sad import evaluate
from sad.shipped.metric import metric
from sad.subjects.metric import AGREEMENT, KL, LM_LOSS, PERPLEXITY, Scored


def scored(rows, length):
    noise = torch.Generator().manual_seed(rows)
    student = torch.randn(rows, length, 5, generator=noise)
    return Scored(student, student.clone(), torch.randint(0, 5, (rows, length), generator=noise))


def test_equal_models_agree_everywhere():
    told = metric()([[scored(2, 6)]])
    assert told[KL] == pytest.approx(0, abs=1e-6)
    assert told[AGREEMENT] == 1
    assert told[PERPLEXITY] == pytest.approx(math.exp(told[LM_LOSS]))


def test_every_process_is_evaluated_by_the_code_that_trains(monkeypatch, tmp_path):
    shipped = evaluate.evaluate

    def look(distiller, batches, objective, reduce):
        own = sum(len(batch.targets) for batch in batches)
        (tmp_path / f"{dist.get_rank()}.of.{dist.get_world_size()}").write_text(f"{own} {reduce({'a': own})['a']:g}")
        return shipped(distiller, batches, objective, reduce)

    monkeypatch.setattr(evaluate, "evaluate", look)
    metric()([[scored(2, 6)], [scored(1, 4), scored(3, 3)]])
    seen = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert seen == {"0.of.2": "10 19", "1.of.2": "9 19"}


def test_no_label_anywhere_is_not_a_number():
    nothing = scored(1, 4)
    nothing.labels.fill_(-100)
    assert math.isnan(metric()([[nothing]])[LM_LOSS])
