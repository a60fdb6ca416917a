"""Loops, runs and objectives in the plainest form, that share no code with what trains: what is right, step by step."""
