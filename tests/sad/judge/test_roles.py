"""What parameters are for, from the names of the field."""

from __future__ import annotations

import inspect

import pytest

from sad.judge.losses.context import upright
from sad.judge.names import tokens
from sad.judge.roles import Role, Space, read, setting

S, T = Role.STUDENT, Role.TEACHER


def reading(signature: str):
    made: dict = {}
    exec(f"def f({signature}): ...", made)
    return read(inspect.signature(made["f"]).parameters.values())


@pytest.mark.parametrize(
    ("signature", "roles"),
    [
        ("student_logits, teacher_logits, labels=None", [S, T, Role.LABELS]),
        ("teacher_logits_answer, student_logits_answer", [T, S]),
        ("logits, teacher_logits, no_model_batch", [S, T, Role.BATCH]),
        ("logits_T, logits_S", [T, S]),
        (
            "x, target_x, weight, target_weight, reduction='batchmean'",
            [S, T, Role.STUDENT_WEIGHT, Role.TEACHER_WEIGHT, Role.DEFAULT],
        ),
        ("logit_s, logit_t, gt_label", [S, T, Role.LABELS]),
        ("logits, teacher_logits, labels, shift_labels=False", [S, T, Role.LABELS, Role.DEFAULT]),
        ("student, inputs, return_outputs=False", [Role.MODEL, Role.BATCH, Role.DEFAULT]),
        ("y_s, y_t", [S, T]),
        ("input, target", [S, T]),
        ("y_true, y_pred", [T, S]),
        ("outputs, labels, teacher_outputs, params", [S, Role.LABELS, T, Role.CONFIG]),
        ("studentLogits, teacherLogits, T=4", [S, T, Role.TEMPERATURE]),
        ("student_log_probs, teacher_log_probs, loss_mask", [S, T, Role.MASK]),
        ("s_logits, t_logits, padding_mask=None, tau: float = 1.0", [S, T, Role.PADDING, Role.TEMPERATURE]),
        (
            "student_logits, teacher_logits, target, beta, reduction='mean'",
            [S, T, Role.LABELS, Role.BETA, Role.DEFAULT],
        ),
        ("p, q, lam=0.1, num_items_in_batch=None", [S, T, Role.BETA, Role.COUNT]),
        ("student_logits, teacher_logits, inputs, original_loss", [S, T, Role.BATCH, Role.LABEL_LOSS]),
        (
            "student_input, student_weight, teacher_input, teacher_weight, true_labels, student_bias=None",
            [S, Role.STUDENT_WEIGHT, T, Role.TEACHER_WEIGHT, Role.LABELS, Role.DEFAULT],
        ),
        ("model, inputs, return_outputs=False", [Role.MODEL, Role.BATCH, Role.DEFAULT]),
        ("student, teacher, gt_labels", [S, T, Role.LABELS]),
        ("student, teacher, batch", [Role.MODEL, Role.TEACHER_MODEL, Role.BATCH]),
        ("lightning_module, logits, teacher_logits, mask", [Role.OBJECT, S, T, Role.MASK]),
        ("student_out, teacher_out, student_targets, teacher_targets", [S, T, Role.LABELS, Role.LABELS]),
        ("student_logits, teacher_logits, weights", [S, T, Role.ONES]),
        (
            "args, tokenizer, model, teacher_model, model_batch, logits",
            [Role.CONFIG, Role.OBJECT, Role.MODEL, Role.TEACHER_MODEL, Role.BATCH, S],
        ),
    ],
)
def test_roles_of_a_signature(signature, roles):
    assert list(reading(signature).roles.values()) == roles


def test_names_that_leave_the_order_open_are_told():
    assert not reading("p, q").ordered
    assert reading("y_s, y_t").ordered
    assert reading("input, target").ordered


def test_spaces_are_read_from_names():
    spaces = reading("student_log_probs, teacher_probs").spaces
    assert spaces == {S: Space.LOG_PROBS, T: Space.PROBS}
    assert set(reading("logit_p, logit_q").spaces.values()) == {Space.LOGITS}


def test_what_no_rule_knows_is_unread():
    assert reading("student_logits, teacher_logits, frobnication").unread == ("frobnication",)
    assert reading("student_logits, teacher_logits, frobnication=3").unread == ()


def test_settings_by_name():
    assert setting("kd_temperature") is Role.TEMPERATURE
    assert setting("padding_id") is Role.IGNORE
    assert setting("weight_hard_loss") is Role.OFF
    assert setting("hidden_size") is None
    assert tokens("kdTemp_S") == ["kd", "temp", "s"]


def test_a_lone_t_under_1_is_no_temperature():
    assert reading("student_logits, teacher_logits, t: float = 0.4").roles["t"] is Role.DEFAULT
    assert reading("student_logits, teacher_logits, t: float = 2.0").roles["t"] is Role.TEMPERATURE


@pytest.mark.parametrize(
    ("signature", "named"),
    [("s, t, attention_mask", ["attention_mask"]), ("s, t, mask", []), ("s, t, padding_mask", []), ("s, t", [])],
)
def test_masks_whose_name_leaves_no_doubt(signature, named):
    assert upright(reading(signature)) == named


def test_settings_and_masks_are_told_by_the_ends_of_their_names():
    def loss(
        logits, target_p, position_mask, non_padded_tokens, logits_scale_factor, epoch, loss_config, pos_idx, k=9
    ): ...

    found = read(inspect.signature(loss).parameters.values())
    told = {name: found.roles[name] for name in list(found.roles)[2:]}
    assert told == {
        "position_mask": Role.MASK,
        "non_padded_tokens": Role.COUNT,
        "logits_scale_factor": Role.ONE,
        "epoch": Role.ONE,
        "loss_config": Role.CONFIG,
        "pos_idx": Role.POSITIONS,
        "k": Role.TOPK,
    }
    assert found.spaces[Role.TEACHER] is Space.PROBS
    assert not found.unread


def test_masks_of_other_things_say_of_no_row_whether_it_counts():
    def loss(student_logits, teacher_logits, causal_mask, key_pad_mask): ...

    found = read(inspect.signature(loss).parameters.values())
    assert found.unread == ("causal_mask",)
    assert found.roles["key_pad_mask"] is Role.PADDING
