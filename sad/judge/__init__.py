"""Judges anyone's code, a room for each kind: losses, collators, evaluators, steps, alignments. See `judging.py`.

The code under judgement runs in a process of its own, with a time limit.
"""
