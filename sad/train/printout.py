"""What `sad train` prints besides its progress: the plan before the first step, and the scores at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table

    from sad.train.loop import Result
    from sad.train.plan import Plan


def describe(plan: Plan, processes: int = 1) -> list[str]:
    """The plan in a few lines."""
    r, pair = plan.recipe, plan.pair
    parameters = {n: sum(p.numel() for p in getattr(pair, n).parameters()) for n in ("teacher", "student")}
    tokenizers = "one tokenizer" if pair.vocab.identity else f"two tokenizers, {plan.coverage:.0%} of labels comparable"
    names = {"teacher": r.teacher.model, "student": r.student.model}
    sizes = {n: "cached" if n == "teacher" and plan.cache else _count(parameters[n]) for n in names}
    # no gaps of two spaces: the lines are shown with their white space collapsed
    told = "; ".join(f"{n} {names[n]} ({sizes[n]})" for n in names)
    terms = ", ".join(f"{name} x {weight:g}" for name, weight in r.terms.weights.items())
    on, unit = f"on {plan.device}, {plan.precision}", "rows of windows" if r.train.packing else "windows"
    more = ", more of the stream as the steps need them" if plan.grows else ""
    return [
        f"{told}; {tokenizers}",
        *([plan.cache.told()] if plan.cache else []),
        f"{len(plan.train):,} windows of up to {r.data.max_length} tokens{more}, {len(plan.held_out):,} held out",
        f"{plan.steps:,} steps of {plan.schedule(processes).per_step} {unit} {on}; terms: {terms}",
        *(f"note: {line}" for line in plan.notes),
    ]


def table(result: Result) -> Table:
    """The end of a run: student before and after, and the teacher, on the same held-out bytes."""
    from rich.table import Table

    made = Table(title="held-out text", title_justify="left")
    for name in ("", "bits/byte", "perplexity", "KL to teacher", "agreement"):
        made.add_column(name, justify="left" if not name else "right")
    first = f"student at step {result.start:,}" if result.start else "student before"
    for name, scores in ((first, result.before), ("student after", result.after)):
        own = scores.likelihood
        made.add_row(
            name, f"{own.bits_per_byte:.3f}", f"{own.perplexity:,.1f}", f"{scores.kl:z.3f}", f"{scores.agreement:.1%}"
        )
    known = result.teacher
    made.add_row("teacher", f"{known.bits_per_byte:.3f}", f"{known.perplexity:,.1f}", "0", "100.0%")
    return made


def _count(parameters: int) -> str:
    return f"{parameters / 1e6:.1f}M" if parameters >= 1e5 else f"{parameters:,}"
