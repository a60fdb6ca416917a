"""Runs as the dashboard knows them: read, judged, replayed, and how fast they go."""
