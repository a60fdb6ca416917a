"""Ways to show a report: text, JSON, HTML, Markdown, SARIF, JUnit; and the dashboard."""
