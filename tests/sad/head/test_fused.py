"""The kernel, interpreted on the processor: row by row the same as the plain mathematics, and in the pass."""

from __future__ import annotations

import math
import os
import subprocess
import sys

import pytest
import torch
from torch import Tensor

from sad.head import blocks, fused
from sad.head.linear import Head
from sad.invariants.states_parity import _cases, states_parity
from sad.losses import kd, lm
from sad.losses.kd import Divergence, Kind
from sad.shipped.states_loss import states_loss

pytest.importorskip("triton")
TOKENS, COLUMNS = 40, 45


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fused, "BLOCK", 16)


def noise(rows: int, columns: int, seed: int) -> Tensor:
    return 2 * torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed))


def plain(
    student: Tensor, teacher: Tensor, heads: tuple[Head, Head], divergence: Divergence, factor: Tensor, label: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    mine, theirs = heads[0].finished(student.clone()), heads[1].finished(teacher.clone())
    compared = kd.rows(mine[: len(theirs), :TOKENS].clone(), theirs / divergence.temperature, divergence)
    labels = lm.rows(mine, label)
    slope = labels.gradient * factor[:, None]
    slope[: len(theirs), :TOKENS] += 0.7 * compared.gradient
    return compared.values, labels.values, slope * heads[0].slope(mine)


@pytest.mark.filterwarnings("ignore:divide by zero", "ignore:invalid value")
@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("temperature", [1.0, 2.0])
@pytest.mark.parametrize("softcap", [None, 3.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_row_is_the_plain_row(kind: Kind, temperature: float, softcap: float | None, dtype: torch.dtype) -> None:
    student, teacher = noise(5, COLUMNS, 1), noise(3, TOKENS, 2)
    label, factor = torch.tensor([3, 44, 0, 7, 39]), torch.rand(5)
    heads = Head(scale=0.5, softcap=softcap), Head(scale=1.5, softcap=softcap)
    divergence, out = Divergence(kind, temperature, 0.3), torch.empty(5, COLUMNS, dtype=dtype)
    right = plain(student, teacher, heads, divergence, factor, label)
    found = fused.fused_rows(student, teacher, heads, TOKENS, divergence, 0.7, label, factor, out)
    torch.testing.assert_close(found, right[:2], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(out, right[2].to(dtype), rtol=1e-4 if dtype == torch.float32 else 2e-2, atol=1e-6)


@pytest.mark.filterwarnings("ignore:divide by zero", "ignore:invalid value")
@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("side", [0, 1])
def test_a_number_that_is_none_shows(kind: Kind, side: int) -> None:
    both, out = [noise(3, TOKENS, 3), noise(3, TOKENS, 4)], torch.empty(3, TOKENS)
    both[side][1, 20] = math.nan
    heads, divergence = (Head(), Head()), Divergence(kind, mix=0.3)
    values, _ = fused.fused_rows(both[0], both[1], heads, TOKENS, divergence, 1.0, None, None, out)
    assert values.isnan().tolist() == [False, True, False]
    assert out.isnan().any(-1).tolist() == [False, True, False]


@pytest.mark.filterwarnings("ignore:divide by zero", "ignore:invalid value")
@pytest.mark.parametrize("kind", [kind for kind in Kind if kind != Kind.REVERSE_KL])
def test_tokens_without_mass_are_what_they_are_in_the_plain_form(kind: Kind) -> None:
    student, teacher, out = noise(3, TOKENS, 5), noise(3, TOKENS, 6), torch.empty(3, TOKENS)
    teacher[:, 7] = student[1, 7] = -math.inf
    heads, divergence = (Head(), Head()), Divergence(kind, mix=0.3)
    right = kd.rows(student.clone(), teacher.clone(), divergence)
    values, _ = fused.fused_rows(student, teacher, heads, TOKENS, divergence, 1.0, None, None, out)
    torch.testing.assert_close(values, right.values, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(out, right.gradient, rtol=1e-4, atol=1e-6)


@pytest.mark.filterwarnings("ignore:divide by zero", "ignore:invalid value")
@pytest.mark.parametrize(("ways", "step"), [("one", 1), pytest.param("all", 6, marks=pytest.mark.thorough)])
def test_the_pass_with_the_kernel_is_the_plain_form_in_value_and_gradient(
    monkeypatch: pytest.MonkeyPatch, ways: str, step: int
) -> None:
    """Every case in one way, and some in all ways that few places are gone through in."""
    calls, shipped = [], fused.fused_rows
    monkeypatch.setattr(blocks, "FUSED", {"cpu"})
    # interpreted, a block of a few costs as much as one of many
    monkeypatch.setattr(fused, "BLOCK", 128)
    monkeypatch.setattr(fused, "fused_rows", lambda *given: calls.append(None) or shipped(*given))
    # rows are interpreted one by one
    few = [(name, given) for name, given in _cases() if len(given.labels) < 100 and len(given.weight) < 1000]
    few = few[::step]
    if ways == "one":
        monkeypatch.setattr("sad.shipped.states_loss.SMALL", 0)
    monkeypatch.setattr("sad.invariants.states_parity._cases", lambda: iter(few))
    verdict = states_parity(states_loss())
    assert verdict.holds, verdict.says
    # all but those against another vocabulary, and lists, which have kernels of their own
    assert len(calls) >= 18, len(calls)


def test_no_rows_give_no_values() -> None:
    values = fused.fused_rows(torch.empty(0, 9), None, (Head(), Head()), 9, Divergence(), 1.0, None, None, None)
    assert [len(each) for each in values] == [0, 0]


@pytest.mark.parametrize("kind", range(5))
def test_the_compiler_takes_it_for_a_gpu_that_is_not_here(kind: int) -> None:
    """To machine code of an H100, in a process of its own, as this one interprets."""
    done = subprocess.run(
        [sys.executable, "-c", COMPILE, str(kind)],
        env=os.environ | {"TRITON_INTERPRET": "0"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["9", "cubin"]


COMPILE = """
import itertools, sys, triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from sad.head.kernel import rows_kernel

names, count = rows_kernel.arg_names, 0
pointers = {"student": "*fp32", "teacher": "*fp32", "out": "*bf16", "labels": "*i64"}
pointers |= dict.fromkeys(["label_factor", "kd_values", "lm_values"], "*fp32")
whole = ["student_stride", "teacher_stride", "out_stride", "compared", "columns", "tokens"]
asked = [(True, True, False), (True, True, True), (True, False, True), (False, True, False)]
ways = [*itertools.product(asked, [True, False], [True]), ((True, True, True), False, False)]
for has, cap, slope in ways:
    chosen = {"KIND": int(sys.argv[1]), "HAS_KD": has[0], "HAS_LM": has[1], "ONE_SUM": has[2]}
    chosen |= {"S_HAS_CAP": cap, "T_HAS_CAP": cap, "SLOPE": slope, "BLOCK": 4096}
    types = {name: pointers.get(name, "i32" if name in whole else "fp32") for name in names if name not in chosen}
    source = ASTSource(
        fn=rows_kernel,
        signature={name: types.get(name, "constexpr") for name in names},
        constexprs={(names.index(name),): value for name, value in chosen.items()},
    )
    made = triton.compile(source, target=GPUTarget("cuda", 90, 32), options={"num_warps": 8})
    assert "cubin" in made.asm
    count += 1
print(count, "cubin")
"""
