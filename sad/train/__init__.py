"""The training: the step, the loop, and a room each for what surrounds them. Start with `step.py` and `loop.py`."""
