"""Names of others are read as the listed ones that they mean, and no other is."""

import pytest

from sad.judge.steps.names import KNOWN
from sad.judge.steps.roles import is_config, listed


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("net_t", "teacher"),
        ("reference_model", "teacher"),
        ("model_s", "model"),
        ("gpt", "model"),
        ("student_optimizer", "optimizer"),
        ("lr_sched", "scheduler"),
        ("trainloader", "loader"),
        ("valid_iter", "val_loader"),
        ("grad_acc_steps", "accumulation_steps"),
        ("clip_value", "grad_clip"),
        ("n_train_epochs", "epochs"),
        ("crit", "criterion"),
        ("loss_fct", "criterion"),
        ("distill_temperature", "temperature"),
        ("kd_alpha", "alpha"),
    ],
)
def test_what_a_name_means(name, meant):
    assert listed(name, KNOWN) == meant


@pytest.mark.parametrize("name", ["d_model", "ema_model", "kl_loss_fn", "criterion_kd", "colour", "num_workers"])
def test_other_names_mean_nothing(name):
    assert listed(name, KNOWN) == name


def test_a_listed_name_is_itself():
    assert listed("Ref_Model", KNOWN) == "ref_model"
    assert is_config("train_config")
    assert is_config("train_state")
    assert not is_config("hidden_state")
    assert not is_config("configure")
