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


@pytest.mark.parametrize(
    "line",
    [
        *("p.grad.mul_(1 / n)", "p.grad.div_(n)", "torch._foreach_div_([p.grad for p in weights], n)"),
        *("dist.all_reduce(p.grad)", "[p.grad.div_(n) for p in weights]", "scale_gradients(model, 1 / n)"),
        *("adjust_learning_rate(optimizer, epoch, args)", "average_gradients(net.parameters())"),
        "norm = clip_grad_norm(model.parameters(), 1.0)",
    ],
)
def test_what_changes_gradients_or_rates_is_kept_whoever_does_it(line):
    assert textwrap.indent(line, "    ") in kept(f"{BASE}{line}")


@pytest.mark.parametrize(
    "line",
    [
        *("save_checkpoint(model, optimizer, 3)", "evaluate(model, loader)", "update_ema(ema_model, model)"),
        *("norms.append(p.grad.norm())", "print(model)", "show(optimizer.param_groups[0]['lr'])"),
    ],
)
def test_what_is_handed_a_model_to_look_at_it_is_left_out(line):
    assert kept(f"{BASE}{line}") == kept(BASE)


def test_what_fills_and_empties_a_window_is_kept():
    text = kept(f"window.append(batch)\nseen.append(1)\nfor batch in window:\n    {BASE.replace(chr(10), '; ')}pass\n")
    assert "window.append(batch)" in text
    assert "seen" not in text
    emptied = kept(
        "for batch in self.rows:\n    loss = model(batch)\n    loss.backward()\nself.rows.clear()\ndel old[:]"
    )
    assert "self.rows.clear()" in emptied
    assert "old" not in emptied


def test_batches_that_begin_anew_are_tried():
    text = kept(
        "try:\n    batch = next(rows)\nexcept StopIteration:\n    rows = iter(loader)\n    batch = next(rows)\n" + BASE
    )
    assert "except StopIteration:\n        rows = iter(loader)" in text


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
