"""What watches over a run while it trains, and what then happens to it. Start with `guards.py`."""
