"""The KD term on a GPU beside plain PyTorch, TRL and Liger: time over the floor, peak bytes, gradient error.

    python benchmarks/kd_term_cuda.py [ROW ...] [--variants ours,plain,...] [--repeat 20] [--split]

The floor are the products that no exact method avoids, 2 N V (3 Hs + Ht) operations in bf16 on all rows at once, timed
in the same process before and after. Times are medians by CUDA's events. Transients are the most bytes that torch's
allocator gave out during the term and its backward pass, beyond the inputs and the two gradients in their own type.
Errors are of the gradient against float64, 64 rows at a vocabulary of 8,192. ``--split`` tells where ours spends it.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import statistics
from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple

import torch
from kd_term import FAR, NEAR, VARIANTS, Inputs, Loss, Row, error


class Shape(NamedTuple):
    """Tokens, vocabulary, widths of student and teacher."""

    n: int
    v: int
    hs: int
    ht: int


SHAPES = {
    "llama": Shape(8192, 128_256, 2048, 4096),
    "qwen": Shape(8192, 151_936, 1024, 4096),
    "equal": Shape(8192, 128_256, 4096, 4096),
    "few": Shape(1024, 128_256, 2048, 4096),
    "few qwen": Shape(1024, 151_936, 1024, 4096),
}
"""The first two are Llama 3.2 1 B from 3.1 8 B and Qwen3 0.6 B from 8 B; the third is what Liger publishes."""
PEERS = {"trl": "trl", "liger": "liger-kernel"}


def inputs(shape: Shape, *, master: bool) -> Inputs:
    """Return states and heads in bf16, the student's head in float32 if it is a ``master`` weight under autocast."""
    noise = torch.Generator("cuda").manual_seed(0)

    def normal(rows: int, width: int, size: float = 1.0) -> torch.Tensor:
        return (torch.randn(rows, width, generator=noise, device="cuda") * size).bfloat16()

    n, v, hs, ht = shape
    token = torch.randint(v, (n,), generator=noise, device="cuda")
    weight = normal(v, hs, 3 * hs**-0.5)
    given = Inputs(
        normal(n, hs), weight.float() if master else weight, normal(n, ht), normal(v, ht, 3 * ht**-0.5), token
    )
    given.hidden.requires_grad_()
    given.weight.requires_grad_()
    return given


def milliseconds(act: Callable[[], object], repeat: int) -> float:
    """Return the median over the repetitions, after three that do not count."""
    for _ in range(3):
        act()
    # no wait between them: in a training step the host is ahead too
    marks: list[Any] = [torch.cuda.Event(enable_timing=True) for _ in range(repeat + 1)]  # type: ignore[no-untyped-call]
    marks[0].record()
    for mark in marks[1:]:
        act()
        mark.record()
    marks[-1].synchronize()
    return float(statistics.median(before.elapsed_time(after) for before, after in pairwise(marks)))


def floor(given: Inputs, repeat: int) -> float:
    """Milliseconds of the four products, each over all rows at once, as many as memory holds."""
    hidden, weight = given.hidden.detach(), given.weight.detach().bfloat16()
    logits = torch.empty(len(hidden), len(weight), dtype=torch.bfloat16, device="cuda")
    back, into = torch.empty_like(hidden), torch.empty_like(weight)
    torch.mm(hidden, weight.T, out=logits)

    def products() -> None:
        torch.mm(given.teacher, given.teacher_weight.T, out=logits)
        torch.mm(hidden, weight.T, out=logits)
        torch.mm(logits, weight, out=back)
        torch.mm(logits.T, hidden, out=into)

    return milliseconds(products, repeat)


def once(loss: Loss, given: Inputs, *, master: bool) -> None:
    given.hidden.grad = given.weight.grad = None
    with torch.autocast("cuda", torch.bfloat16, enabled=master):
        value = loss(given)
    value.backward()  # type: ignore[no-untyped-call]


def peak(act: Callable[[], object], given: Inputs) -> float:
    """MiB beyond the inputs and the gradients."""
    given.hidden.grad = given.weight.grad = None
    torch.cuda.synchronize()
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    act()
    gradients = sum(x.numel() * x.element_size() for x in (given.hidden, given.weight))
    return (torch.cuda.max_memory_allocated() - before - gradients) / 2**20


def measure(name: str, shape: Shape, options: argparse.Namespace) -> str:
    master = name.endswith(", fp32 weight")
    loss = VARIANTS[name.removesuffix(", fp32 weight")]
    given = inputs(shape, master=master)

    def act() -> None:
        once(loss, given, master=master)

    before = floor(given, options.repeat)
    act()
    most = peak(act, given)
    taken = milliseconds(act, options.repeat)
    base = min(before, floor(given, options.repeat))
    n, v, hs, ht = shape
    rate = 2e-9 * n * v * (3 * hs + ht) / base
    return f"{taken:.2f} | {taken / base:.2f} | {base:.2f} | {rate:,.0f} | {most:,.0f}"


def errors(name: str) -> str:
    """The gradient's error near the teacher and far from it."""
    if "ours:" in name or "lm" in name or "," in name:
        return " | "
    small = Row(64, 8192, torch.bfloat16)
    return " | ".join(f"{error(VARIANTS[name], small, apart, 'cuda'):.2%}" for apart in (NEAR, FAR))


def split(shape: Shape) -> None:
    """Tell where the time of ours goes, by kernel."""
    given = inputs(shape, master=False)
    for _ in range(3):
        once(VARIANTS["ours"], given, master=False)
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as seen:
        once(VARIANTS["ours"], given, master=False)
        torch.cuda.synchronize()
    print(seen.key_averages().table(sort_by="cuda_time_total", row_limit=14, max_name_column_width=90))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=", ".join(SHAPES))
    parser.add_argument("--repeat", type=int, default=20)
    parser.add_argument("--variants", default="ours;ours, fp32 weight;ours + lm;ours: jsd;ours: top 64;plain;trl;liger")
    parser.add_argument("--split", action="store_true")
    options = parser.parse_args()
    torch.manual_seed(0)
    versions = [f"torch {torch.__version__}"]
    versions += [
        f"{of} {importlib.metadata.version(of)}" for of in PEERS.values() if importlib.util.find_spec(of.split("-")[0])
    ]
    print(f"{torch.cuda.get_device_name()}, {', '.join(versions)}")
    print("| row | variant | ms | x floor | floor, ms | TFLOP/s | transients, MiB | error at KL 0.001 | far |")
    print("|---|---|---|---|---|---|---|---|---|")
    for row in options.rows or SHAPES:
        for name in options.variants.split(";"):
            torch.cuda.empty_cache()
            try:
                print(f"| {row} | {name} | {measure(name, SHAPES[row], options)} | {errors(name)} |", flush=True)
            except (ImportError, RuntimeError) as reason:
                print(f"| {row} | {name} | {type(reason).__name__}: {str(reason).splitlines()[0][:150]} |", flush=True)
        if options.split:
            split(SHAPES[row])


if __name__ == "__main__":
    main()
