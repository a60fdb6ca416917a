"""The loop, and what it needs: plan, optimizer, checkpoint, record, progress."""
