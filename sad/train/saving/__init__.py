"""What a run leaves on a disk: its folder, its checkpoints, the student. Start with `checkpoint.py`."""
