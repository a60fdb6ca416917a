"""The defaults of a trainer's arguments."""

from __future__ import annotations

import pytest

from sad.judge.stand_in import Asked, Config, NeedsAdapterError
from sad.judge.trainer_args import default, has


def test_what_a_trainer_is_started_without_has_its_default():
    args = Config("self.args", {}, asked := Asked())
    assert args.past_index == -1
    assert args.gradient_accumulation_steps == args.n_gpu == 1
    assert asked.plain["past_index"] == -1
    # another object's of that name is another thing
    with pytest.raises(NeedsAdapterError, match=r"self\.model\.past_index"):
        _ = Config("self.model", {}, Asked()).past_index


def test_the_newer_ones_are_those_of_transformers():
    pytest.importorskip("transformers.training_args")
    assert default("average_tokens_across_devices") is True
    assert has("label_names")
    assert not has("nosuch")
