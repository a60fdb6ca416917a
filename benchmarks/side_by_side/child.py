"""One variant in one process: makes or finds the pair, takes the steps, prints one line of JSON."""

from __future__ import annotations

import json
import sys
from pathlib import Path


def main() -> None:
    asked = json.loads(sys.argv[1])
    folder = Path(asked["folder"])
    from side_by_side.measure import Peak
    from side_by_side.pair import make_pair

    pair = make_pair(folder, asked["teacher_vocabulary"], asked["student_vocabulary"], asked["full"])
    variant = asked["variant"]
    import torch
    import transformers  # noqa: F401 - its memory is not the step's

    torch.manual_seed(0)
    peak = Peak()
    if variant.startswith("ours"):
        from side_by_side.ours import steps
    elif variant.startswith("trl"):
        from side_by_side.trainers import steps
    else:
        from side_by_side.loops import steps
    print(json.dumps(steps(asked, pair, peak)))


if __name__ == "__main__":
    main()
