"""The battery: each bug reproduced and caught, the code that trains shown free of it; and how that is told."""
