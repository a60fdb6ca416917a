"""The training: the step, the loop, and what surrounds them. Start with `step.py` and `loop.py`."""
