"""Bugs of the catalogue, each put into the code that trains: nothing here is a copy of that code."""
