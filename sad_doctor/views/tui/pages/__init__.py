"""The text that panes show: pure functions from a run or a report to paragraphs."""
