"""The code that trains behind the interfaces of the invariants: one file an interface, no copy of anything."""
