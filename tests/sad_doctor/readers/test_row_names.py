import pytest

from sad_doctor.readers.row_names import RowNames


@pytest.mark.parametrize(
    ("header", "first", "named"),
    [
        ("model,train_loss", ["resnet18", "vit_base", "swin_tiny", "convnext"], True),
        ("model,train_loss", ["resnet18", "vit_base"], False),
        ("checkpoint,eval_loss", ["checkpoint-100", "checkpoint-200", "checkpoint-300"], False),
        ("when,train_loss", ["2026-01-02 10:00:01", "2026-01-02 10:00:04", "2026-01-02 10:00:09"], False),
        ("split,train_loss", ["train", "eval", "train", "eval", "train", "eval"], False),
        ("loss,note", ["3.1", "3.0", "2.9"], False),
        ("model,epoch", ["resnet18", "vit_base", "swin_tiny"], False),
        ("name,global_step", ["resnet18", "vit_base", "swin_tiny"], False),
    ],
)
def test_rows_with_names_of_their_own(header, first, named):
    watched = RowNames(header.split(","))
    for cell in first:
        watched.add([cell, "1"])
    assert watched.found is named
