"""Charts: what of a column is drawn, how it becomes braille dots, and the widgets that show it."""
