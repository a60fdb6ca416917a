"""Ways to show a report: text, JSON, the dashboard."""
