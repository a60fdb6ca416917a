"""The version of the distribution, defined here alone."""

__version__ = "0.1.0"
