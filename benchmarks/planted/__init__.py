"""Tiny distillations with one planted fault each, and the logs that they leave."""
