import pytest
import torch

from sad.subjects.probe.unwritten import unwritten_is_nan


def test_memory_that_nobody_wrote_to_is_nan_and_what_is_written_is_not():
    with unwritten_is_nan():
        made = torch.empty(3, 4)
        whole = torch.empty(5, dtype=torch.int64)
        assert made.isnan().all()
        assert (whole == torch.iinfo(torch.int64).max).all()
        assert torch.zeros(3).sum() == 0
        assert torch.equal(torch.mm(torch.eye(2), torch.eye(2), out=torch.empty(2, 2)), torch.eye(2))


@pytest.mark.parametrize("before", [True, False])
def test_the_mode_is_put_back(before):
    torch.use_deterministic_algorithms(before, warn_only=before)
    try:
        with pytest.raises(ZeroDivisionError), unwritten_is_nan():
            raise ZeroDivisionError
        assert torch.are_deterministic_algorithms_enabled() == before
        assert torch.is_deterministic_algorithms_warn_only_enabled() == before
    finally:
        torch.use_deterministic_algorithms(False)
