"""The dashboard of `sad doctor`: a live or a finished run on a terminal."""
