import torch

from sad.bugs.stored_rows_are_shifted import VARIANTS, Store, buggy
from sad.invariants.stored_as_live import stored_as_live


def test_a_plain_store_holds():
    verdict = stored_as_live(Store())
    assert verdict.holds, verdict.says
    assert verdict.numbers["off"] < 1e-12


def test_rows_of_the_next_place_break_it():
    verdict = stored_as_live(buggy())
    assert not verdict.holds
    assert "all tokens, one tokenizer, at T = 1, in order, one by one: 87.8" in verdict.says


def test_rows_of_the_place_before_break_it():
    made = Store()
    made.shift = -1
    assert not stored_as_live(made).holds


def test_a_forgotten_rest_breaks_it_where_a_few_tokens_are_kept():
    assert stored_as_live(VARIANTS["the rest is forgotten"]()).says.startswith("4 tokens and the rest, one tokenizer")


def test_other_ids_break_it_where_they_are_others():
    says = stored_as_live(VARIANTS["ids of the teacher's vocabulary"]()).says
    assert says.startswith("all tokens, ids in another order, at T = 1")


def test_another_temperature_breaks_it_at_2():
    says = stored_as_live(VARIANTS["stored at another temperature"]()).says
    assert says.startswith("all tokens, one tokenizer, at T = 2")


def test_a_gradient_without_the_square_breaks_it():
    class Unsquared(Store):
        def __call__(self, given):
            total = super().__call__(given)
            return total.detach() + (total - total.detach()) / given.temperature**2

    assert "at T = 2, in order, one by one: the gradient is off by 0.75" in stored_as_live(Unsquared()).says


def test_offsets_of_another_order_break_it():
    class Unordered(Store):
        """Where a text begins is counted in the order of reading."""

        def __call__(self, given):
            order = [number for batch in given.batches for number in batch]
            lists = torch.cat([self.softened(t, given) for t in self.carried(given)])
            first, total = 0, torch.zeros((), dtype=torch.float64)
            for number in order:
                rows = slice(first, first := first + len(given.teacher[number]))
                kept, ids = lists[rows].topk(given.k or lists.shape[1], dim=-1)
                student = (given.student[number].double() / given.temperature).softmax(dim=-1)
                total = total + self.compared(kept, ids, student).sum()
            return total.detach() + given.temperature**2 * (total - total.detach())

    assert "one tokenizer, at T = 1, in another order, two by two: " in stored_as_live(Unordered()).says


def test_what_raises_breaks_it():
    verdict = stored_as_live(lambda _: 1 / 0)
    assert "it raises division by zero" in verdict.says
    assert not verdict.holds


def test_a_store_that_cannot_take_a_text_without_a_place_breaks_it():
    class Full(Store):
        def __call__(self, given):
            if not all(map(len, given.teacher)):
                raise ValueError("a text has no place")
            return super().__call__(given)

    assert "in order, one by one: it raises a text has no place" in stored_as_live(Full()).says
