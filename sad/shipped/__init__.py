"""The code that trains, behind the interfaces that the properties judge. Nothing here computes: it hands over."""
