"""Student-aware distillation: verify, train. The doctor lives in `sad_doctor`."""
