"""What follows the student while it learns: weights of positions, a map of layers, the time of a term."""
