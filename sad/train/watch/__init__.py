"""What watches over a run while it trains, and what then happens to it; `sad/train/guards.py` joins it to the loop."""
