"""What a raw layerwise loss would be on a recipe's own pair and text, beside the shipped term, before any step.

    python benchmarks/layerwise_raw.py docs/recipes/smollm2.toml

Raw is the mean squared error between the teacher's block output and the student's, both as they are, the student's
carried to the teacher's width by the same fresh projector; one line a teacher block.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import cast

import torch
import torch.nn.functional as F

from sad.data import collate
from sad.distiller import Distiller, Projector
from sad.losses.layerwise import layer_distance
from sad.models.forward import run, text_config
from sad.quiet import quiet_libraries
from sad.recipe.schema import load
from sad.train.plan import make_plan


@torch.no_grad()
def main() -> None:
    quiet_libraries()
    plan = make_plan(load(Path(sys.argv[1]), {"terms.layerwise.weight": 1.0}))
    pair = plan.pair
    torch.manual_seed(plan.recipe.train.seed)
    distiller = Distiller(pair.student, pair.teacher, pair.vocab, plan.recipe.terms)
    batch = collate(plan.train[:4], pair.readers)
    depth = text_config(pair.teacher).num_hidden_layers
    teacher = run(pair.teacher, batch.teacher, range(depth))
    student = distiller.view(batch, distiller.ask_teacher(batch))
    at, projector = batch.boundaries, cast(Projector, distiller.projectors[0])
    mine = student.student.blocks[distiller.pairs[0][0]][at.row, at.student].float()
    print("| teacher block | raw | raw without position 0 | as shipped |")
    print("|---|---|---|---|")
    for block in range(0, depth, max(1, depth // 6)):
        theirs = teacher.blocks[block][at.row, at.teacher].float()
        later = at.teacher > 0
        raw = F.mse_loss(projector.map(mine), theirs)
        without = F.mse_loss(projector.map(mine[later]), theirs[later])
        shipped = layer_distance(projector(mine), theirs)
        print(f"| {block} | {raw:,.2f} | {without:,.2f} | {shipped.total / shipped.units:.2f} |")


if __name__ == "__main__":
    main()
