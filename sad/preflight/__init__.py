"""Preflight: examines the run that is about to start, with the code that will train it. One examination a file."""
