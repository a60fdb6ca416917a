"""What is measured of a step in one process: its time, the ideal time, the memory, the tokens."""

from __future__ import annotations

import statistics
import threading
import time
from pathlib import Path
from typing import Any

WARM = 3
"""First steps that are not counted: caches, kernels and optimizer states are made in them."""


def held() -> int:
    """Bytes of this process's own memory: not of libraries, which a busy machine drops and reads again."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon:"))


class Peak:
    """The most memory since it was made, beyond what there was then."""

    def __init__(self) -> None:
        self.before = self.most = held()
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        while True:
            self.most = max(self.most, held())
            time.sleep(0.005)

    @property
    def bytes(self) -> int:
        return self.most - self.before


def rate_of_products() -> float:
    """Operations a second of 2048-wide float32 products: the best of several, in processor time."""
    import torch

    one, other = torch.randn(2048, 2048), torch.randn(2048, 2048)
    times = []
    for _ in range(5):
        start = time.process_time()
        one @ other
        times.append(time.process_time() - start)
    return 2 * 2048**3 / min(times)


def ideal_operations(teacher: Any, student: Any, tokens: float) -> float:
    """Operations that no exact method avoids, for a step of so many real tokens (two tokenizers: as many on each)."""

    def matrices(model: Any) -> int:
        table = model.get_input_embeddings().weight
        return sum(p.numel() for p in model.parameters() if p.ndim == 2 and p is not table)

    heads: float = 2 * teacher.config.vocab_size * teacher.config.hidden_size
    heads += 2 * 3 * student.config.vocab_size * student.config.hidden_size
    return tokens * (2 * matrices(teacher) + 6 * matrices(student) + heads)


def told(
    times: list[float], tokens: float, computed: float, ideal: float, peak: Peak, rates: list[float], **more: object
) -> dict[str, Any]:
    """Return one line of the table. ``tokens`` are the real ones of a step, ``computed`` those with padding."""
    step = statistics.median(times[WARM:])
    rate = max(rates)
    return {
        "rate": tokens / step,
        "step": step,
        "ideal": step * rate / ideal,
        "gflops": rate / 1e9,
        "real": tokens / computed,
        "peak": peak.bytes,
        "split": "",
        **more,
    }
