"""Imported by the process that the others are forked from: trains once, so that every library is loaded there."""

from __future__ import annotations

from sad import tiny


def _forget() -> None:
    """Leave no process group behind: each fork makes its own."""
    from accelerate.state import AcceleratorState, GradientState

    AcceleratorState._reset_state(reset_partial_state=True)
    GradientState._reset_state()


tiny.train(tiny.plan({"train": {"max_steps": 2}}))
_forget()
