import pytest
from hypothesis import given
from hypothesis import strategies as st

from sad_doctor import names
from sad_doctor.readers.naming import (
    Naming,
    column_among,
    column_of,
    in_bytes,
    is_known,
    scale_of,
    step_rank,
    term,
    unused,
)


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("loss", names.LOSS),
        ("train_loss", names.LOSS),
        ("Total Loss", names.LOSS),
        ("learning_rate", names.LEARNING_RATE),
        ("train/learning_rate", names.LEARNING_RATE),
        ("lr-AdamW", names.LEARNING_RATE),
        ("grad_norm", names.GRAD_NORM),
        ("valid_tokens", names.LABELS),
        ("teacher_ce", names.TEACHER_LOSS),
        ("eval_loss", names.EVAL_LOSS),
        ("val/loss", names.EVAL_LOSS),
        ("ppl", names.EVAL_PERPLEXITY),
        ("eval_perplexity", names.EVAL_PERPLEXITY),
        ("eval_lm_loss", names.EVAL_LM_LOSS),
        ("kd_loss", "train/raw/kd"),
        ("loss/kd", "train/raw/kd"),
        ("loss_kd", "train/raw/kd"),
        ("train/distillation_loss", "train/raw/kd"),
        ("routing_feature_loss", "train/raw/routing"),
        ("routing_attention_alignment_loss", "train/raw/attention_alignment"),
        ("hidden_state_loss", "train/raw/layerwise"),
        ("ce_loss", "train/raw/ce"),
        ("weighted/kd", "train/weighted/kd"),
        ("kd_loss_weighted", "train/weighted/kd"),
        ("kd_weight", "train/weight/kd"),
        ("eval_kd_loss", "eval/raw/kd"),
        ("weighted/cos", "train/weighted/cos"),
        ("raw/mse_loss", "train/raw/mse"),
        ("unweighted/MSE", "train/raw/mse"),
        ("weight/reward", "train/weight/reward"),
        ("eval/weighted/mse", "eval/weighted/mse"),
        ("class_loss", "train/raw/task"),
        ("student_loss", "train/raw/task"),
        ("hard_loss", "train/raw/task"),
        ("loss_hard", "train/raw/task"),
        ("ntp_loss", "train/raw/lm"),
        ("nll", "train/raw/nll"),
        ("l_ce", "train/raw/ce"),
        ("kl", "train/raw/kd"),
        ("train/kld", "train/raw/kd"),
        ("kl_div", "train/raw/kd"),
        ("forward_kl", "train/raw/kd"),
        ("reverse_kl_loss", "train/raw/kd"),
        ("L_KD", "train/raw/kd"),
        ("soft_loss", "train/raw/kd"),
        ("logits_loss", "train/raw/kd"),
        ("kd_loss_step", "train/raw/kd"),
        ("kd_loss_epoch", "train/raw/kd"),
        ("val_loss_epoch", names.EVAL_LOSS),
        ("Loss/train", names.LOSS),
        ("Loss/valid", names.EVAL_LOSS),
        ("losses/loss", names.LOSS),
        ("gpu_mem_gb", None),
        ("memory_allocated", None),
        ("samples_per_second", names.SAMPLES_PER_SECOND),
        ("train_samples_per_second", names.SAMPLES_PER_SECOND),
        ("eval_samples_per_second", None),
        ("it/s", names.STEPS_PER_SECOND),
        ("train/iter_per_sec", names.STEPS_PER_SECOND),
        ("weighted/total", None),
        ("weight/decay", None),
        ("weighted_f1", None),
        ("loss_mse", None),
        ("lr_scheduler", None),
        ("weight_decay", None),
        ("loss_scale", "train/loss_scale"),
        ("best_loss", None),
        ("train/perplexity", None),
        ("accuracy", None),
        ("train_kd_loss", "train/raw/kd"),
        ("training/ce_loss_step", "train/raw/ce"),
        ("train_grad_norm", names.GRAD_NORM),
        ("train_lr", names.LEARNING_RATE),
        ("train_runtime", None),
        ("train_perplexity", None),
    ],
)
def test_names_are_read_by_one_table(theirs, ours):
    assert column_of(theirs) == ours


def test_our_own_names_stay():
    own = [value for key, value in vars(names).items() if key.isupper() and isinstance(value, str) and "/" in value]
    columns = [name + "kd" if name.endswith("/") else name for name in own]
    assert len(columns) > 20
    naming = Naming()
    assert [naming.column(name) for name in columns] == columns
    assert naming.notes == ()


def test_a_column_takes_its_values_from_one_key_only():
    naming = Naming()
    assert naming.column("loss") == names.LOSS
    assert naming.column("train_loss") == "logged/train_loss"
    assert naming.column("train/loss") == "logged/train/loss"
    assert naming.column("loss") == names.LOSS


@pytest.mark.parametrize("row", [("loss", "total_loss"), ("total_loss", "loss")])
def test_the_clearest_name_of_a_row_is_the_total(row):
    naming = Naming()
    found = {key: naming.column(key, row) for key in row}
    assert found == {"total_loss": names.LOSS, "loss": "loss"}


def test_the_names_beside_it_say_what_a_name_is():
    distilbert = ("losses/loss", "losses/loss_ce", "losses/loss_mlm", "losses/loss_cos")
    assert [column_among(key, distilbert) for key in distilbert[:3]] == [names.LOSS, "train/raw/kd", "train/raw/lm"]
    assert column_among("loss_ce", ("loss", "loss_ce", "loss_kd")) == "train/raw/ce"
    assert column_among("kl", ("loss", "kl", "reward")) is None
    assert column_among("kl_loss", ("loss", "kl_loss", "recon_loss")) is None
    assert column_among("kl_loss", ("loss", "kl_loss", "ce_loss")) == "train/raw/kd"
    assert column_among("kl", ("loss", "kl", "lm_loss")) == "train/raw/kd"


def test_what_lightning_logs_twice_is_that_of_the_step():
    naming, row = Naming(), ("kd_loss_epoch", "kd_loss_step")
    assert [naming.column(key, row) for key in row] == ["kd_loss_epoch", "train/raw/kd"]


@pytest.mark.parametrize(
    ("key", "held"),
    [
        ("gpu_mem_gb", (names.MEMORY_DEVICE, 1e9)),
        ("memory_allocated_gb", (names.MEMORY_DEVICE, 1e9)),
        ("train/max_memory_allocated_MiB", (names.MEMORY_DEVICE, 2.0**20)),
        ("rss_mb", (names.MEMORY, 1e6)),
        ("gpu_mem", None),
        ("memory_allocated", None),
        ("memory_gb_limit", None),
    ],
)
def test_a_memory_is_read_in_bytes_where_its_unit_is_told(key, held):
    assert in_bytes(key) == held
    assert scale_of(key, names.MEMORY_DEVICE) == (held[1] if held and held[0] == names.MEMORY_DEVICE else 1)


def test_every_renaming_is_said():
    naming = Naming()
    naming.column("learning_rate")
    naming.column("accuracy")
    assert naming.notes == ("read learning_rate as train/lr", "not used: accuracy (name them with --map)")


def test_what_no_rule_uses_is_said_and_nothing_else():
    assert unused(["train/loss", "train/lr/head", "train/raw/x", "loss_mse", "time", "max_steps", "logged/loss"]) == ()
    assert unused(["kl", "foo\x1b"]) == ("not used: kl, foo\ufffd (name them with --map)",)
    (many,) = unused([f"m{i}" for i in range(20)])
    assert many.startswith("not used: m0, ")
    assert many.endswith("m11 and 8 more (name them with --map)")


def test_a_chart_that_was_exported_is_read_by_the_name_behind_its_run():
    naming, row = Naming(), ("Step", "run-1 - train/loss", "run-1 - train/loss__MIN")
    assert naming.column(row[1], row) == names.LOSS
    assert naming.column(row[2], row) == row[2]


def test_terms_and_steps():
    assert term("attn") == "attention"
    assert term("contr_loss") == "contrastive"
    assert term("surprise") is None
    assert step_rank("train/global_step") is not None
    assert step_rank("steps_per_second") is None
    assert is_known("step")
    assert not is_known("petal width")


@given(st.text(), st.sampled_from(["", "train/raw/", "eval/", "loss/", "lr-"]))
def test_any_text_is_a_name(name, prefix):
    column = Naming().column(prefix + name + "\x1b[2J\u202e")
    assert not set(column) & set("\x1b\u202e\x00\r")
    assert len(column) <= 300
