"""Right losses of texts in the styles that are in use: what no check may call wrong. Read with `runpy`."""

import torch
import torch.nn.functional as F

from sad.subjects.text_loss import Collated, collated_loss, labels, padded, run

IGNORED = -100


def right_padding(texts, marks):
    rows = [text.ids for text in texts]
    return Collated(padded(rows, marks.pad), padded([labels(t) for t in texts], IGNORED), mask(rows))


def mask(rows, left=False):
    return padded([[1] * len(row) for row in rows], 0, left=left)


def left_padding(texts, marks):
    rows = [text.ids for text in texts]
    seen = mask(rows, left=True)
    targets = padded([[IGNORED, *labels(t)[1:]] for t in texts], IGNORED, left=True)
    return Collated(padded(rows, marks.pad, left=True), targets, seen, (seen.cumsum(1) - 1).clamp_min(0))


def shifted_outside(texts, marks):
    batch = right_padding(texts, marks)
    return Collated(
        batch.input_ids, F.pad(batch.labels, (0, 1), value=IGNORED)[:, 1:], batch.attention_mask, None, True
    )


def padded_to_a_multiple(texts, marks):
    batch = right_padding(texts, marks)
    more = -batch.input_ids.shape[1] % 8
    return Collated(
        F.pad(batch.input_ids, (0, more), value=marks.pad),
        F.pad(batch.labels, (0, more), value=IGNORED),
        F.pad(batch.attention_mask, (0, more)),
    )


def packed(texts, _):
    """Positions that begin anew and no mask: transformers finds the texts by them."""
    return Collated(joined([t.ids for t in texts]), first_ignored(texts), None, restarted(texts))


def packed_with_blocks(texts, _):
    of = joined([[i] * len(t.ids) for i, t in enumerate(texts)])[0]
    blocks = (of[:, None] == of[None, :]).tril()[None, None]
    return Collated(joined([t.ids for t in texts]), first_ignored(texts), blocks, restarted(texts))


def packed_and_shifted_before(texts, _):
    shifted = joined([[*labels(t)[1:], IGNORED] for t in texts])
    return Collated(joined([t.ids for t in texts]), shifted, None, restarted(texts), True)


def joined(rows):
    return torch.tensor([[one for row in rows for one in row]])


def restarted(texts):
    return joined([list(range(len(t.ids))) for t in texts])


def first_ignored(texts):
    return joined([[IGNORED, *labels(t)[1:]] for t in texts])


def whole_text(texts, marks):
    """Also the prompt is learned."""
    rows = [text.ids for text in texts]
    return Collated(padded(rows, marks.pad), padded(rows, IGNORED), mask(rows))


def summed(model, texts, marks):
    batch = right_padding(texts, marks)
    return F.cross_entropy(run(model, batch)[:, :-1].flatten(0, 1), batch.labels[:, 1:].flatten(), reduction="sum")


def mean_over_texts(model, texts, marks):
    return torch.stack([collated_loss(right_padding)(model, [text], marks) for text in texts]).mean()


def of_the_model(model, texts, marks):
    batch = right_padding(texts, marks)
    return model(input_ids=batch.input_ids, attention_mask=batch.attention_mask, labels=batch.labels).loss


def one_by_one(model, texts, marks):
    parts = [(collated_loss(right_padding)(model, [t], marks), len(t.ids) - t.first) for t in texts]
    return sum(part * count for part, count in parts) / sum(count for _, count in parts)


def some_rows(model, texts, marks):
    """Only the rows that count go through the loss."""
    batch = left_padding(texts, marks)
    keep = batch.labels[:, 1:] != IGNORED
    return F.cross_entropy(run(model, batch)[:, :-1][keep], batch.labels[:, 1:][keep])


COMPLETION = {
    "right padding": collated_loss(right_padding),
    "left padding": collated_loss(left_padding),
    "shifted outside": collated_loss(shifted_outside),
    "padded to a multiple": collated_loss(padded_to_a_multiple),
    "packed": collated_loss(packed),
    "packed with blocks": collated_loss(packed_with_blocks),
    "packed, shifted before": collated_loss(packed_and_shifted_before),
    "summed": summed,
    "mean over texts": mean_over_texts,
    "the model's own": of_the_model,
    "one by one": one_by_one,
    "some rows": some_rows,
}
WHOLE = {"the whole text": collated_loss(whole_text)}
