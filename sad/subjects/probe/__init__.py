"""A divergence asked: the calls, what each should give in float64, what came out, and the difference in words."""
