"""The recipe: typed sections, how it is read and how it is put on record."""
