"""Reads the log of a training run, judges it, shows it. Imports neither torch nor `sad`."""
