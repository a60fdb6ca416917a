"""A loop over micro-batches with accumulation, which tests of rules change in one place each."""

from __future__ import annotations

LOOP = """
def train(model, loader, optimizer, scaler, accum, args):
    for epoch in range(3):
        for i, batch in {over}:
            {each}
            {back}
            if {test}:
                {step}
        {after}
"""
PLAIN = {
    **{"over": "enumerate(loader)", "each": "pass", "back": "(model(batch).loss / accum).backward()"},
    **{"test": "(i + 1) % accum == 0 or i + 1 == len(loader)", "step": "optimizer.step()", "after": "pass"},
}


def changed(parts: dict[str, str]) -> str:
    """Return the loop with some of its parts replaced."""
    return LOOP.format(**PLAIN | parts)
