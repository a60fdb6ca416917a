"""The widgets of the dashboard: lists, pages, the log, the head, the tabs, the line of keys."""
