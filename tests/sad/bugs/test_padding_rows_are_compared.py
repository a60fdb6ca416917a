from sad.align import vocab
from sad.align.vocab import VocabMap
from sad.bugs.padding_rows_are_compared import BUG
from sad.verify import run


def test_verify_catches_it_and_finds_it_absent():
    (found,) = run([BUG])
    assert found.good
    for (verdict,) in found.faulty.values():
        assert verdict.says.startswith("two models have a loss of ")
        assert "right 6.771" in verdict.says


def test_padding_rows_in_the_teachers_softmax_are_found(monkeypatch, found_in_the_code_that_trains):
    shipped = VocabMap.scores

    def scores(self, logits, *more):
        # what the padding rows take is missing, and is not made up for
        return shipped(self, logits, *more)

    monkeypatch.setattr(VocabMap, "scores", scores)
    assert "two models have a loss" in found_in_the_code_that_trains(BUG)


def test_ids_matched_by_number_are_found(monkeypatch, found_in_the_code_that_trains):
    def by_number(student, teacher):
        return [i if i < student.size else -1 for i in range(teacher.size)]

    monkeypatch.setattr(vocab, "first_tokens", by_number)
    assert "ids permuted" in found_in_the_code_that_trains(BUG)


def test_sizes_taken_for_identity_are_found(monkeypatch, found_in_the_code_that_trains):
    shipped = VocabMap.__init__

    def by_size(self, student, teacher):
        shipped(self, student, teacher)
        self.identity = student.size == teacher.size

    monkeypatch.setattr(VocabMap, "__init__", by_size)
    assert "ids permuted" in found_in_the_code_that_trains(BUG)
