"""The teacher's output on disk: its likeliest tokens at every common boundary, instead of a teacher in memory."""
