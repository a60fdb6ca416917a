"""One file a property that any right implementation has. Each takes an implementation and returns a verdict.

They run on the bugs of the catalogue (where they must break) and on the code that trains (where they must hold).
"""
