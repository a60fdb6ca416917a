"""The KD term beside plain PyTorch, TRL and Liger: time over the floor, operations, peak bytes, gradient error.

    python benchmarks/kd_term.py [ROW ...] [--peers PYTHON] [--repeat 3] [--threads 1] [--variants ours,plain,...]

The floor are the products that no exact method avoids: 2 N V (3 Hs + Ht) operations, timed in the same process, before
and after. Each variant is a process of its own; TRL 1.16 and Liger 0.8.5 are taken from the interpreter in ``--peers``
(or this one) and left out, with a line, where they are not installed. Times are processor time, the least of the
repetitions: on a busy machine the clock on the wall measures the others. On one thread both are the same where nothing
else runs.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

ROOT = Path(__file__).parents[1]
HS, HT = 576, 1024


class Row(NamedTuple):
    """One row of the table: tokens, vocabulary, type of states and weights, precision of float32 products."""

    n: int
    v: int
    dtype: torch.dtype = torch.float32
    precision: str = "highest"


ROWS = {
    "fp32": Row(1024, 49_152),
    "bf16": Row(1024, 49_152, torch.bfloat16),
    "medium": Row(1024, 49_152, torch.float32, "medium"),
    "qwen": Row(1024, 151_936),
    "long": Row(4096, 49_152),
    "small": Row(256, 8_192),
}
NEAR, FAR = 0.045, 3.0
"""What the logits of the gradient's check differ by: a KL of 0.001 nats, and one of a few."""


class Inputs(NamedTuple):
    """States and heads of both models, and labels."""

    hidden: Tensor
    weight: Tensor
    teacher: Tensor
    teacher_weight: Tensor
    token: Tensor


Loss = Callable[[Inputs], Tensor]
"""Returns the summed forward KL with a gradient to the student's states and head."""


def ours(given: Inputs, kind: str = "forward_kl", lm: bool = False, size: int = 0) -> Tensor:
    from sad.batch import KD, LM
    from sad.head.linear import Head
    from sad.head.target import Live, TopK
    from sad.head.vocabulary import Compared, vocabulary_pass
    from sad.losses.kd import Divergence, Kind

    n, v = len(given.hidden), len(given.weight)
    target: Any = Live(given.teacher, Head(given.teacher_weight), _same(v))
    if size:
        device = given.hidden.device
        ids = torch.arange(size, device=device).expand(n, -1)
        rest = torch.full((n,), 0.1, device=device).log()
        target = TopK(ids, torch.full((n, size), 0.9 / size, device=device).log(), rest)
    compared = Compared(target, torch.arange(n, device=given.hidden.device), v, Divergence(Kind(kind)))
    scales = {KD: 1.0, LM: 1.0 if lm else 0.0}
    found = vocabulary_pass(given.hidden, Head(given.weight), given.token if lm else None, compared, scales=scales)
    return found.kd + found.lm if lm else found.kd


def _same(size: int) -> Any:
    from sad.align.vocab import VocabMap

    made = VocabMap.__new__(VocabMap)
    made.student_size = made.teacher_size = size
    made.identity = True
    return made


def plain(given: Inputs) -> Tensor:
    log_q = torch.log_softmax((given.hidden @ given.weight.T).float(), dim=-1)
    with torch.no_grad():
        log_p = torch.log_softmax((given.teacher @ given.teacher_weight.T).float(), dim=-1)
    return torch.nn.functional.kl_div(log_q, log_p, reduction="sum", log_target=True)


def trl(given: Inputs) -> Tensor:
    from trl.kernels.chunked_divergence import ChunkedDivergenceFunction

    args = (given.hidden, given.weight, None, given.teacher, given.teacher_weight, None, 0.0)
    total: Tensor = ChunkedDivergenceFunction.apply(*args)[0].sum()
    return total


def liger(given: Inputs) -> Tensor:
    from liger_kernel.chunked_loss import LigerFusedLinearJSDLoss

    loss = LigerFusedLinearJSDLoss(0.0, 1.0, beta=0.0, compiled=False, chunk_size=128)
    mean: Tensor = loss(given.hidden, given.weight, given.teacher, given.teacher_weight, given.token)
    # it divides by the number of labels
    return mean * len(given.token)


VARIANTS: dict[str, Loss] = {
    "ours": ours,
    "ours + lm": lambda given: ours(given, lm=True),
    "ours: jsd": lambda given: ours(given, "jsd"),
    "ours: reverse kl": lambda given: ours(given, "reverse_kl"),
    "ours: top 64": lambda given: ours(given, size=64),
    "plain": plain,
    "trl": trl,
    "liger": liger,
}
NEEDS = {"trl": "trl", "liger": "liger-kernel"}


def inputs(row: Row, n: int, ht: int = HT) -> Inputs:
    noise = torch.Generator().manual_seed(0)

    def normal(rows: int, width: int, size: float = 1.0) -> Tensor:
        return (torch.randn(rows, width, generator=noise) * size).to(row.dtype)

    token = torch.randint(row.v, (n,), generator=noise)
    weights = normal(row.v, HS, HS**-0.5), normal(row.v, ht, 3 * ht**-0.5)
    given = Inputs(normal(n, HS), weights[0], normal(n, ht), weights[1], token)
    given.hidden.requires_grad_()
    given.weight.requires_grad_()
    return given


def floor(given: Inputs) -> float:
    """Seconds of the four products over all rows at once, in the type that was given."""
    hidden, weight = given.hidden.detach(), given.weight.detach()
    start = time.process_time()
    logits = hidden @ weight.T
    del_me = given.teacher @ given.teacher_weight.T
    del del_me
    _ = logits @ weight, logits.T @ hidden
    return time.process_time() - start


def taken(loss: Loss, given: Inputs) -> float:
    given.hidden.grad = given.weight.grad = None
    start = time.process_time()
    loss(given).backward()  # type: ignore[no-untyped-call]
    return time.process_time() - start


def operations(loss: Loss, row: Row) -> float:
    """Operations of all products over those of the floor, on fewer rows."""
    from torch.utils.flop_counter import FlopCounterMode

    aten, n = torch.ops.aten, 256
    more = {aten.addmm_: lambda _, a, b, *__, **___: 2 * a[0] * a[1] * b[1]}
    given = inputs(row, n)
    with FlopCounterMode(display=False, custom_mapping=more) as counter:
        loss(given).backward()  # type: ignore[no-untyped-call]
    return float(counter.get_total_flops()) / (2 * n * row.v * (3 * HS + HT))


def error(loss: Loss, row: Row, apart: float, device: str = "cpu") -> float:
    """Error of the gradient against float64 on the same numbers, at two models of one width that differ by so much."""
    given = inputs(row, 64, HS)
    with torch.no_grad():
        given.weight.copy_(given.teacher_weight + (apart * HS**-0.5 * torch.randn(given.weight.shape)))
        given.hidden.copy_(given.teacher)
    given = Inputs(*(x.detach().to(device).requires_grad_(x.requires_grad) for x in given))
    loss(given).backward()  # type: ignore[no-untyped-call]
    wide = [x.detach().double() for x in given[:4]]
    leaves = wide[0].requires_grad_(), wide[1].requires_grad_()
    log_q, log_p = (torch.log_softmax(h @ w.T, dim=-1) for h, w in (leaves, wide[2:]))
    value = (log_p.exp() * (log_p - log_q)).sum()
    right = torch.cat([g.flatten() for g in torch.autograd.grad(value, leaves)])
    assert given.hidden.grad is not None
    assert given.weight.grad is not None
    got = torch.cat([given.hidden.grad.flatten(), given.weight.grad.flatten()]).double()
    return float((got - right).norm() / right.norm())


def held() -> int:
    """Bytes of this process's own memory: not of libraries, which a busy machine drops and reads again."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon:"))


def peak(loss: Loss, given: Inputs) -> int:
    """Most bytes that were held during a call and its backward, beyond what was held before; looked at every ms."""
    loss(inputs(ROWS["small"], 16)).backward()  # type: ignore[no-untyped-call]
    before, most, done = held(), [0], threading.Event()

    def look() -> None:
        while not done.wait(0.001):
            most[0] = max(most[0], held())

    watch = threading.Thread(target=look)
    watch.start()
    loss(given).backward()  # type: ignore[no-untyped-call]
    done.set()
    watch.join()
    return max(most[0], held()) - before


def one(name: str, row: Row, repeat: int) -> dict[str, float]:
    torch.set_float32_matmul_precision(row.precision)
    loss, given = VARIANTS[name], inputs(row, row.n)
    found = {"peak": float(peak(loss, given))}
    floors, times = [floor(given)], []
    for _ in range(repeat):
        times.append(taken(loss, given))
        floors.append(floor(given))
    found |= {"floor": min(floors), "time": min(times), "operations": operations(loss, row)}
    if "ours:" not in name and "lm" not in name:
        found |= {"near": error(loss, row, NEAR), "far": error(loss, row, FAR)}
    return found


def child(name: str, row: str, options: argparse.Namespace) -> dict[str, Any]:
    python = options.peers if name in NEEDS else sys.executable
    command = [python, __file__, row, "--one", name, "--repeat", str(options.repeat), "--threads", str(options.threads)]
    threads = {key: str(options.threads) for key in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")}
    environment = os.environ | threads | {"PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode:
        return {"error": (done.stderr.strip().splitlines() or ["?"])[-1]}
    result: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return result


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("rows", nargs="*", default=["fp32", "bf16", "qwen", "long"], choices=[*ROWS, []])
    parser.add_argument("--peers", default=sys.executable)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--variants", default=",".join(name for name in VARIANTS if "ours:" not in name))
    parser.add_argument("--one")
    options = parser.parse_args()
    if options.one:
        torch.set_num_threads(options.threads)
        try:
            version = importlib.metadata.version(NEEDS[options.one]) if options.one in NEEDS else torch.__version__
        except importlib.metadata.PackageNotFoundError:
            raise SystemExit(
                f"{NEEDS[options.one]} is not installed: name an interpreter that has it by --peers"
            ) from None
        print(json.dumps(one(options.one, ROWS[options.rows[0]], options.repeat) | {"version": version}))
        return
    print(f"{platform.processor() or platform.machine()}, {options.threads} thread, torch {torch.__version__}")
    print("| row | variant | x floor | floor, GFLOP/s | operations, x floor | peak, MiB | error at KL 0.001 | far |")
    print("|---|---|---|---|---|---|---|---|")
    for name in options.rows:
        row = ROWS[name]
        for variant in options.variants.split(","):
            got = child(variant, name, options)
            if "error" in got:
                print(f"| {name} | {variant} | {got['error']} |", flush=True)
                continue
            rate = 2e-9 * row.n * row.v * (3 * HS + HT) / got["floor"]
            errors = [f"{got[key]:.2%}" if key in got else "" for key in ("near", "far")]
            cells = [f"{got['time'] / got['floor']:.2f}", f"{rate:.0f}", f"{got['operations']:.3f}"]
            cells += [f"{got['peak'] / 2**20:,.0f}", *errors]
            print(f"| {name} | {variant} {got['version']} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
