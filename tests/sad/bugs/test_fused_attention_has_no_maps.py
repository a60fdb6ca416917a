from sad.bugs.fused_attention_has_no_maps import BUG, _divergence, _maps
from sad.invariants.present_and_sensitive import present_and_sensitive
from sad.models import forward
from sad.terms import TERMS
from sad.verify.battery import run


def test_verify_catches_it_and_finds_it_absent():
    (found,) = run([BUG])
    assert found.caught
    assert found.absent
    assert found.reproduced[0].says == "attention is enabled and absent"
    (attempt,) = found.attempts["slow attention for the student only"]
    assert attempt.says == "attention gives the student no gradient (its norm is 0)"


def test_with_slow_attention_for_both_the_term_is_there():
    class Eager:
        enabled = ("attention",)

        def values(self, student, teacher, tokens):
            for model in (student, teacher):
                model.set_attn_implementation("eager")
            return {"attention": _divergence(_maps(student, tokens)[-1], _maps(teacher, tokens)[-1])}

    verdict = present_and_sensitive(Eager())
    assert verdict.holds
    assert verdict.says == "attention 2.5 unrelated, 0 equal"


def test_a_term_that_is_enabled_and_left_out_is_found(monkeypatch, found_in_the_code_that_trains):
    monkeypatch.delitem(TERMS, "layerwise")
    assert "layerwise is enabled and absent" in found_in_the_code_that_trains(BUG)


def test_states_without_a_gradient_are_found(monkeypatch, found_in_the_code_that_trains):
    def keep(kept, block, shipped=forward._keep):
        hook = shipped(kept, block)
        return lambda module, inputs, output: hook(module, inputs, output.detach())

    monkeypatch.setattr(forward, "_keep", keep)
    assert "gives the student no gradient" in found_in_the_code_that_trains(BUG)
