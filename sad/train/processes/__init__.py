"""One run on many devices and processes: DDP, FSDP2, DeepSpeed's ZeRO. Start with `devices.py`."""
