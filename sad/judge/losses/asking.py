"""Other readings of a loss's parameters, where in the one that its names suggest it raised: what it raised says which.

A tensor that is asked for ``.logits`` or ``.get("logits")`` should be a model's output, one that is asked for
``.pop("labels")`` a batch, and labels of which a softmax is taken are the teacher's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from sad.judge.losses.call import Call
from sad.judge.losses.context import source
from sad.judge.losses.forms import OF_OUTPUT
from sad.judge.roles import Role

LACKS = re.compile(r"'Tensor' object has no attribute '(\w+)'")
INDEXED = re.compile(r"too many indices for tensor")
"""What a tensor raises that is asked for its ['logits']."""
OF_OUTPUTS = {"logits", "loss", "get", "hidden_states", "to_tuple"}
OF_BATCHES = {"pop", "items", "keys", "update", "get", "copy"}
OF_LABELS = re.compile(r"not implemented for '(Long|Int)'|floating point|Float but found Long|dtype.*Long")
"""What is raised where whole numbers go through a softmax, or through a divergence."""

SIZES = re.compile(r"size of tensor a .* must match the size of tensor b|not broadcastable|shape mismatch")
"""What is raised where a mask of rows meets the vocabulary's axis."""


def other_readings(call: Call, raised: str) -> Iterator[Call]:
    """Return the loss read otherwise, the likeliest reading first; nothing where what it raised says of none."""
    roles = call.reading.roles
    sides = [name for name, role in roles.items() if role in (Role.STUDENT, Role.TEACHER)]
    lacks = LACKS.search(raised)
    keyed = INDEXED.search(raised) and OF_OUTPUT.search(source(call))
    if not call.form.outputs and (keyed or (lacks and lacks[1] in OF_OUTPUTS)):
        yield call.formed(outputs=True, alike=False)
    spread = "argument after ** must be a mapping, not Tensor" in raised
    if (spread or (lacks and lacks[1] in OF_BATCHES)) and len(sides) == 1:
        # the models are on self, or are parameters beside it
        yield call.formed(roles={**call.roles, sides[0]: Role.BATCH})
    if SIZES.search(raised) and call.takes(Role.MASK, Role.PADDING) and not call.form.column:
        yield call.formed(column=True)
    weights = [name for name in call.reading.named(Role.ONES) if name in call.defaults()]
    if SIZES.search(raised) and weights:
        # of which axis they are is not told: each is 1 anyway
        yield call.formed(roles={**call.roles, **dict.fromkeys(weights, Role.DEFAULT)})
    labels = [name for name, role in roles.items() if role is Role.LABELS]
    soft = len(labels) == 1 and re.search(rf"softmax\(\s*{labels[0]}\b", source(call))
    if (soft or OF_LABELS.search(raised)) and len(labels) == 1 and Role.TEACHER not in roles.values():
        yield call.formed(roles={**call.roles, labels[0]: Role.TEACHER})
