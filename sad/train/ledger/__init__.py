"""What a run puts on record: the numbers of a logged line, where they come from, and who writes them.

Start with `record.py`.
"""
