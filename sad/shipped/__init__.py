"""The code that trains, behind the interfaces that invariants judge. One file an interface, no logic of its own."""
