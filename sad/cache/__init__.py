"""The teacher on disk: its likeliest tokens at every common boundary, so that training needs no teacher in memory."""
