from sad.align import vocab
from sad.align.vocab import VocabMap
from sad.bugs.padding_rows_are_compared import BUG
from sad.head.target import Live
from sad.head.vocabulary import Compared
from sad.shipped import vocabulary_loss
from sad.verify.battery import run


def test_verify_catches_it_and_finds_it_absent():
    (found,) = run([BUG])
    assert found.good
    for (verdict,) in found.faulty.values():
        assert verdict.says.startswith("two models have a loss of ")
        assert "right 6.771" in verdict.says


def test_padding_rows_in_the_softmax_of_both_are_found(monkeypatch, found_in_the_code_that_trains):
    """With those of the student's: a distribution over all rows of a head."""
    shipped = VocabMap.scores
    monkeypatch.setattr(VocabMap, "scores", lambda self, *given: given[0] if self.identity else shipped(self, *given))
    monkeypatch.setattr(Live, "columns", property(lambda self: self.hidden.shape[1]))
    monkeypatch.setattr(vocabulary_loss, "Compared", lambda target, at, _: Compared(target, at, 10**9))
    assert "must match the size" in found_in_the_code_that_trains(BUG)


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
