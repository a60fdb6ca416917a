"""What of a loop changes what it trains."""

from __future__ import annotations

import ast
import textwrap

import pytest

from sad.judge.cuts.trained import sends, trained


def kept(body):
    (loop,) = ast.parse(f"for batch in loader:\n{textwrap.indent(textwrap.dedent(body), '    ')}").body
    return "\n".join(map(ast.unparse, trained(loop)))


BASE = "loss = model(batch).loss\nloss.backward()\n"


@pytest.mark.parametrize(
    "line",
    [
        *("optimizer.step()", "scaler.update()", "ema_model.update(model)", "clip_grad_norm_.step()", "model.train()"),
        *("group['lr'] = 0.1", "p.grad = None", "p.grad.zero_()", "loss.retain = 1"),
        *(
            "if torch.isnan(loss):\n    continue",
            "n = 0\nif n >= 3:\n    break",
            "n = 0\nif n > args.max_steps:\n    break",
        ),
    ],
)
def test_what_trains_and_what_ends_it_is_kept(line):
    assert textwrap.indent(line, "    ") in kept(f"{BASE}{line}")


@pytest.mark.parametrize(
    "line",
    [
        *("print(loss)", "writer.add_scalar('x', loss, 1)", "meter.update(loss.item())", "torch.save(model, 'x')"),
        *("score = evaluate(model)", "if tracker.full:\n    break", "if time() > limit:\n    break"),
        "if step % 10 == 0:\n    log(step)",
    ],
)
def test_what_logs_saves_or_scores_is_left_out(line):
    assert kept(f"{BASE}{line}") == kept(BASE)


def test_what_is_needed_by_what_trains_is_kept_with_its_condition():
    text = kept(
        "scale = 1\nif warm:\n    scale = 2\nunused = 3\n"
        f"with ctx:\n    {BASE.splitlines()[0]}\n(loss * scale).backward()"
    )
    assert "if warm:\n        scale = 2" in text
    assert "with ctx:" in text
    assert "unused" not in text


def test_a_loop_that_waits_for_a_count_and_one_that_tries_are_looked_into():
    (loop,) = ast.parse("while n < total:\n    try:\n        loss.backward()\n    finally:\n        n += 1\n").body
    assert ast.unparse(trained(loop)[0]) == "while n < total:\n    loss.backward()\n    n += 1"


def test_it_is_told_whether_gradients_are_sent_back():
    assert sends(ast.parse("fabric.backward(loss)"))
    assert not sends(ast.parse("loss.forward()"))
