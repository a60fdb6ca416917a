"""One file a term. Pure functions of tensors whose axes already agree; they return ``Sum(total, units)``.

None slices, pads or truncates: what may be compared is decided in :mod:`sad.align`.
"""
