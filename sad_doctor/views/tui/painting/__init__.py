"""How widgets become cells on the screen, cheaply: strips, styles, the compositor, work done ahead of a look."""
