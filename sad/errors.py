"""The one exception that a person is meant to read."""

from __future__ import annotations


class UserError(Exception):
    """What is wrong with the input and what to do about it, in one line; the command line exits with 2."""
