"""A module of Lightning without Lightning."""

from argparse import Namespace

import pytest
import torch

from sad.errors import UserError
from sad.judge.dicts import Batch
from sad.judge.lightning import Module


class Kept(Module):
    def __init__(self, net, lr=0.5, *, heat=2.0, **more):  # noqa: ARG002 - kept by Lightning
        super().__init__()
        self.save_hyperparameters(ignore=["net"])
        self.net = net


def test_arguments_of_the_constructor_are_kept():
    made = Kept(torch.nn.Linear(1, 1), 0.25, colour="red")
    assert dict(made.hparams) == {"lr": 0.25, "heat": 2.0, "colour": "red"}
    assert made.hparams.lr == 0.25
    assert len(list(made.parameters())) == 2
    assert made.log("loss", 1.0) is None
    assert made.device == torch.device("cpu")


def test_its_trainer_is_not_there():
    made = Kept(torch.nn.Linear(1, 1))
    with pytest.raises(UserError, match="Lightning trainer"):
        made.optimizers()
    assert made.trainer.model is made
    with pytest.raises(UserError, match="Lightning trainer"):
        _ = made.trainer.datamodule


def test_an_object_of_settings_is_what_is_kept():
    class Configured(Module):
        def __init__(self, hparams):
            super().__init__()
            self.save_hyperparameters(hparams)

    settings = Batch(lr=0.5)
    assert Configured(settings).hparams is settings


@pytest.mark.parametrize("settings", [{"lr": 0.5}, Namespace(lr=0.5)])
def test_a_dict_or_a_namespace_answers_to_names_and_keys(settings):
    class Configured(Module):
        def __init__(self, hparams):
            super().__init__()
            self.save_hyperparameters(hparams)

    made = Configured(settings)
    assert made.hparams.lr == made.hparams["lr"] == 0.5


def test_several_are_kept_by_their_names():
    class Configured(Module):
        def __init__(self, config, lr, heat):  # noqa: ARG002 - not kept
            super().__init__()
            self.save_hyperparameters(config, lr)

    assert dict(Configured({"a": 1}, 0.25, 2.0).hparams) == {"config": {"a": 1}, "lr": 0.25}
