"""Judges anyone's code, a room for each kind: losses, collators, evaluators, steps, alignments.

Start with `losses/session.py`, which judges a loss, or `judging.py`, which judges code of any other kind. The code
under judgement runs in a process of its own, with a time limit.
"""
