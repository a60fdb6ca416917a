"""Judges anyone's distillation loss: finds how it is called, what it computes, and which properties it has.

The code under judgement runs in a process of its own, with a time limit.
"""
