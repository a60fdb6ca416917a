"""Names that no table has whole are read by their words; one word that is not known leaves a name unread."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sad_doctor import names
from sad_doctor.readers.name_words import is_kl, meaning, words_of
from sad_doctor.readers.naming import Naming, column_of

READ = {
    names.LOSS: "TotalLoss overall_loss avg_loss train_avg_loss running_loss loss_value combined_loss objective "
    "L_total trainer/loss student/total_loss",
    names.GRAD_NORM: "GradNorm gradnorm GradientNorm total_grad_norm optim/total_grad_norm grad_norm_before_clip gn "
    "grad_2.0_norm_total grad_l2_norm grad_norm(unclipped) l2_norm/grad params/grad_norm Grad",
    names.LEARNING_RATE: "learningRate lr_0 lr/group0 optimizer/lr lr_scheduler/lr current_lr "
    "charts/learning_rate scheduler/lr schedule/lr",
    names.RAW
    + "kd": "DistillLoss kldiv KLDivLoss jsd_loss teacher_kl kl_student_teacher avg_kd mean_kl_loss kd_logits "
    "L_kd dkd_loss train/sfkl KL(teacher||student)",
    names.RAW + "ce": "cross_entropy CrossEntropyLoss xent student_ce ce_student",
    names.RAW + "task": "gt_loss supervised_loss ground_truth_loss student.loss_cls L_task",
    names.RAW + "layerwise": "hidden_mse hs_loss avg_hidden_loss",
    names.RAW + "attention": "attn_kl att_loss",
    names.WEIGHT + "kd": "w_kd lambda_kd kd_alpha loss_weights/kd",
    names.WEIGHTED + "kd": "avg_weighted_kd scaled_distill_loss",
    names.EVAL_LOSS: "valLoss val_avg_loss loss_eval metrics/val/loss held_out/loss",
    names.EVAL_LM_LOSS: "val_ce valid_avg_nll loss/val_ce val/loss_ce val/loss/ce metrics/eval/LanguageCrossEntropy",
    names.EVAL_KL: "val_avg_kl kl/val val/loss_kl",
    names.EVAL_PERPLEXITY: "val_student_ppl Perplexity/val ppl/valid metrics/val/ppl",
    names.COVERAGE: "aligned_frac alignment_ratio mean_aligned_token_fraction tokens/mapped_share label_coverage",
    names.LOSS_SCALE: "loss_scale loss-scale scaler/scale grad-scale",
    names.TOKENS_PER_SECOND: "tokensPerSec toks_per_sec tok_per_s throughput perf/tps throughput(tps)",
    names.STEP_SECONDS: "step_time s/it time_per_step iter_time_ms train_step_timing_in_s step_duration "
    "ms_per_step stepTimeMs",
}
UNREAD = (
    "total clip_grad_norm lr_scheduler base_lr lr_1 loss_val loss_mse cos_loss grad_norm_after_clip param_norm "
    "layer_3_kd_loss "
    "kd_loss_of_head entropy entropy_loss reward_loss best_loss hard_distill_loss teacher_xent mse hidden logits soft "
    "alignment aligned alignment_loss coverage_at_k "
    "label value_loss time/batch kl2 L2 kd_weight_decay weight_decay temperature time epoch_time samples tokens"
)


@pytest.mark.parametrize(("theirs", "ours"), [(one, ours) for ours, some in READ.items() for one in some.split()])
def test_a_name_is_read_by_its_words(theirs: str, ours: str) -> None:
    assert column_of(theirs) == ours


@pytest.mark.parametrize("theirs", UNREAD.split())
def test_a_word_that_is_not_known_leaves_a_name_unread(theirs: str) -> None:
    assert meaning(theirs) is None


def test_words_are_told_apart_by_their_case() -> None:
    assert words_of("KLDivLoss") == ("kl", "div", "loss")
    assert words_of("optim/gradnorm") == ("optim", "grad", "norm")
    assert words_of("cross_entropyLoss") == ("crossentropy", "loss")
    assert is_kl("teacher_kl")
    assert not is_kl("kd_loss")


def test_the_clearest_of_several_names_has_the_column() -> None:
    naming, row = Naming(), ("avg_kl", "kl", "mean_batch_loss", "avg_loss", "total", "lr")
    found = {key: naming.column(key, row) for key in row}
    assert found["kl"] == names.RAW + "kd"
    assert found["avg_kl"] == "avg_kl"
    assert found["avg_loss"] == names.LOSS
    assert found["mean_batch_loss"] == "mean_batch_loss"


def test_total_is_the_loss_beside_its_parts_alone() -> None:
    assert Naming().column("total", ("total", "kd_loss", "ce_loss")) == names.LOSS
    assert Naming().column("total", ("total", "done")) == "total"
    assert Naming().column("L", ("L", "KD", "CE")) == names.LOSS
    assert Naming().column("L", ("loss", "L", "KD", "CE")) == "L"


def test_a_divergence_of_another_kind_of_training_is_no_distillation() -> None:
    assert Naming().column("KLD", ("loss", "BCE", "KLD")) == "KLD"
    assert Naming().column("kl", ("pg_loss", "kl")) == "kl"
    assert Naming().column("KLD", ("loss", "CE", "KLD")) == names.RAW + "kd"


def test_a_term_is_named_alone_beside_a_total() -> None:
    assert Naming().column("distill", ("loss", "distill", "hidden")) == names.RAW + "kd"
    assert Naming().column("hidden", ("total", "distill", "hidden")) == names.RAW + "layerwise"
    assert Naming().column("hidden", ("hidden", "heads")) == "hidden"
    assert Naming().column("layers", ("loss", "layers")) == "layers"


@given(st.text(max_size=80))
def test_any_name_is_taken(name: str) -> None:
    told = meaning(name)
    assert told is None or told.column.startswith(("train/", "eval/"))
