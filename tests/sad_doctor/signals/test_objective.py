from pathlib import Path

import numpy as np
import pytest

from sad_doctor import names, signals
from sad_doctor.run import Column, Run


def of(name):
    column = Column(np.arange(3.0), np.ones(3))
    return Run("run", "test", Path("run"), {names.LOSS: column, name: column})


@pytest.mark.parametrize(
    "name", ["reward", "train/reward", "rewards/format_reward/mean", "Advantage/mean", "clip_ratio"]
)
def test_a_policy_is_known_by_its_rewards(name):
    assert signals.rewarded(of(name))


@pytest.mark.parametrize("name", ["rewards/chosen", "eval/rewards/margins", "train/clipped", "forward", "train/lr"])
def test_preferences_are_no_policy(name):
    assert not signals.rewarded(of(name))


@pytest.mark.parametrize(
    "name", ["accuracy", "train/acc", "val/acc1", "test_top1", "eval/top5_acc", "acc@1", "val/mAP", "mIoU", "prec@1"]
)
def test_classes_are_known_by_their_accuracy(name):
    assert signals.of_classes(of(name))


@pytest.mark.parametrize(
    "name", ["mean_token_accuracy", "token_acc", "eval/agreement", "rewards/accuracies", "map_size"]
)
def test_an_accuracy_of_tokens_is_of_text(name):
    assert not signals.of_classes(of(name))
