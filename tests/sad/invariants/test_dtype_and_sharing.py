import copy

import pytest
import torch

from sad.invariants.dtype_and_sharing import SETTINGS, dtype_and_sharing


def test_doing_nothing_holds_in_every_setting():
    seen = []
    verdict = dtype_and_sharing(lambda pair, precision: seen.append((next(pair.teacher.parameters()).dtype, precision)))
    assert verdict.holds
    assert seen == list(SETTINGS)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda student: student.get_input_embeddings().half(), "1 tensor cast from float32 to float16"),
        (lambda student: student.half(), "cast from float32 to float16"),
        (lambda student: student.double(), "cast from float32 to float64"),
        (lambda student: student.model.norm.to(torch.bfloat16), "1 tensor cast from float32 to bfloat16"),
        (lambda student: setattr(student, "lm_head", copy.deepcopy(student.lm_head)), "another tensor"),
        (lambda student: student.model.norm.weight.data.fill_(float("nan")), "not finite"),
        (lambda student: delattr(student.model.norm, "weight"), "gone"),
    ],
)
def test_what_happened_to_the_student_is_named(change, says):
    verdict = dtype_and_sharing(lambda pair, _: change(pair.student))
    assert not verdict.holds
    assert says in verdict.says
    assert "teacher in float32" in verdict.says


def test_a_fault_in_one_setting_only_is_found():
    def half_with_half(pair, _):
        if next(pair.teacher.parameters()).dtype == torch.float16:
            pair.student.get_input_embeddings().half()

    assert "teacher in float16" in dtype_and_sharing(half_with_half).says
