"""Steps and loops with one fault each."""

from __future__ import annotations

import torch
import torch.nn.functional as F
import transformers


def _summed(model, batch):
    logits = model(input_ids=batch["input_ids"]).logits[:, :-1]
    return F.cross_entropy(logits.flatten(0, 1), batch["labels"][:, 1:].flatten(), ignore_index=-100, reduction="sum")


def never_cleared(model, batch, optimizer):
    model(**batch).loss.backward()
    optimizer.step()


def steps_before(model, batch, optimizer):
    """The gradient that is stepped with is the cleared one."""
    optimizer.zero_grad()
    loss = model(**batch).loss
    optimizer.step()
    loss.backward()


def never_steps(model, batch, optimizer):
    model(**batch).loss.backward()
    optimizer.zero_grad()


def other_parameters(model, batch):
    """Its optimizer has a copy."""
    import copy

    optimizer = torch.optim.SGD(copy.deepcopy(model).parameters(), lr=0.1)
    model(**batch).loss.backward()
    optimizer.step()
    model.zero_grad()


def mean_of_means(model, batch, optimizer, accumulation_steps, step):
    """Each micro-batch counts alike, however many labels it has."""
    (model(**batch).loss / accumulation_steps).backward()
    if (step + 1) % accumulation_steps == 0:
        optimizer.step()
        optimizer.zero_grad()


def mean_of_means_by_accelerate(model, loader, optimizer, scheduler, accelerator, max_grad_norm=1.0):
    """As its documentation has it: right for texts of one length."""
    for batch in loader:
        with accelerator.accumulate(model):
            accelerator.backward(model(**batch).loss)
            if accelerator.sync_gradients:
                accelerator.clip_grad_norm_(model.parameters(), max_grad_norm)
            optimizer.step()
            scheduler.step()
            optimizer.zero_grad()


def not_divided(model, batch, optimizer, accumulation_steps, step):
    model(**batch).loss.backward()
    if (step + 1) % accumulation_steps == 0:
        optimizer.step()
        optimizer.zero_grad()


def cleared_in_the_window(model, batch, optimizer, num_items_in_batch, is_last):
    optimizer.zero_grad()
    (_summed(model, batch) / num_items_in_batch).backward()
    if is_last:
        optimizer.step()


def off_by_one(model, loader, optimizer, accumulation_steps=1):
    """The first window has one micro-batch."""
    for number, batch in enumerate(loader):
        _summed(model, batch).backward()
        if number % accumulation_steps == 0:
            optimizer.step()
            optimizer.zero_grad()


def drops_the_rest(model, loader, optimizer, accumulation_steps=1):
    for number, batch in enumerate(loader):
        _summed(model, batch).backward()
        if (number + 1) % accumulation_steps == 0:
            optimizer.step()
            optimizer.zero_grad()


def schedule_per_batch(model, batch, optimizer, scheduler, num_items_in_batch, is_last):
    (_summed(model, batch) / num_items_in_batch).backward()
    scheduler.step()
    if is_last:
        optimizer.step()
        optimizer.zero_grad()


def schedule_twice(model, batch, optimizer, scheduler):
    model(**batch).loss.backward()
    optimizer.step()
    scheduler.step()
    scheduler.step()
    optimizer.zero_grad()


def schedule_before(model, batch, optimizer, scheduler):
    model(**batch).loss.backward()
    scheduler.step()
    optimizer.step()
    optimizer.zero_grad()


def clips_too_early(model, batch, optimizer, max_grad_norm):
    """What is clipped is the gradient of the step before."""
    optimizer.zero_grad()
    loss = model(**batch).loss
    torch.nn.utils.clip_grad_norm_(model.parameters(), max_grad_norm)
    loss.backward()
    optimizer.step()


def clips_scaled(model, batch, optimizer, scaler, max_grad_norm):
    """The norm is that of gradients which the scaler multiplied."""
    optimizer.zero_grad()
    scaler.scale(_summed(model, batch)).backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), max_grad_norm)
    scaler.step(optimizer)
    scaler.update()


def never_cleared_by_accelerate(model, loader, optimizer, accelerator):
    """Each first step is right."""
    for batch in loader:
        with accelerator.accumulate(model):
            accelerator.backward(_summed(model, batch) * accelerator.gradient_accumulation_steps)
            optimizer.step()


def make_uncleared(model, optimizer):
    def step(batch):
        _summed(model, batch).backward()
        optimizer.step()

    return step


def make_nothing(model, optimizer):
    optimizer.zero_grad()
    return model.training


def clips_values(model, batch, optimizer, max_grad_norm):
    """The clip turns the gradient."""
    optimizer.zero_grad()
    model(**batch).loss.backward()
    torch.nn.utils.clip_grad_value_(model.parameters(), max_grad_norm / 8)
    optimizer.step()


def _distilled(student, teacher, batch):
    target = teacher(input_ids=batch["input_ids"]).logits
    mine = student(input_ids=batch["input_ids"]).logits
    return F.kl_div(mine.log_softmax(-1), target.log_softmax(-1), log_target=True, reduction="batchmean")


def teacher_awake(student, teacher, batch, optimizer):
    teacher.train()
    with torch.no_grad():
        target = teacher(input_ids=batch["input_ids"]).logits
    mine = student(input_ids=batch["input_ids"]).logits
    optimizer.zero_grad()
    F.kl_div(mine.log_softmax(-1), target.softmax(-1), reduction="batchmean").backward()
    optimizer.step()


def teacher_trains(student, teacher, loader, lr=1e-3):
    optimizer = torch.optim.AdamW([*student.parameters(), *teacher.parameters()], lr=lr)
    for batch in loader:
        optimizer.zero_grad()
        _distilled(student, teacher, batch).backward()
        optimizer.step()


def teacher_records(student, teacher, batch, optimizer):
    """Right, where the teacher is frozen."""
    optimizer.zero_grad()
    _distilled(student, teacher, batch).backward()
    optimizer.step()


def at_random(model, batch, optimizer):
    optimizer.zero_grad()
    (model(**batch).loss * (1 + torch.rand(()))).backward()
    optimizer.step()


def raises(model, batch, optimizer):
    raise RuntimeError(f"{type(model).__name__} is on strike", batch, optimizer)


def no_batch(model, optimizer):
    return model, optimizer


def only_a_loss(model, batch):
    return model(**batch).loss


class WithoutCount(transformers.Trainer):
    """The count of the window's labels does not reach the loss."""

    def get_batch_samples(self, *given, **named):
        batches, _ = super().get_batch_samples(*given, **named)
        return batches, None


class NeedsMore(transformers.Trainer):
    def __init__(self, model, args, frobnication, **more):
        super().__init__(model, args, **more)
        self.frobnication = frobnication


def summed(model, batch, optimizer):
    """Over all labels, divided by nothing."""
    _summed(model, batch).backward()
    optimizer.step()
    optimizer.zero_grad()


def batchmean_of_texts(student, teacher, input_ids, optimizer, temperature=2.0):
    """The sum over all tokens of a text, divided by the number of texts; models are called by another name for ids."""
    with torch.no_grad():
        target = (teacher(inputs=input_ids) / temperature).softmax(-1)
    mine = (student(inputs=input_ids) / temperature).log_softmax(-1)
    F.kl_div(mine, target, reduction="batchmean").backward()
    optimizer.step()
    optimizer.zero_grad()


def sum_beside_mean(student, teacher, batch, optimizer):
    """A squared error is summed over the places of a text, the label loss is a mean."""
    with torch.no_grad():
        target = teacher(**batch).logits
    out = student(**batch)
    (out.loss + (out.logits - target).square().sum() / len(target)).backward()
    optimizer.step()
    optimizer.zero_grad()


def clips_each(model, batch, optimizer, accumulation_steps, is_last, max_grad_norm):
    """Each micro-batch's gradient is clipped, with what stands there already."""
    labels = (batch["labels"][:, 1:] != -100).sum()
    (_summed(model, batch) / labels / accumulation_steps).backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), max_grad_norm)
    if is_last:
        optimizer.step()
        optimizer.zero_grad()


FAULTS = {
    "batchmean_of_texts": ("text_length", "for 24 tokens 4 times that for 6; `batchmean`"),
    "sum_beside_mean": ("text_length", "a part of it is a mean over tokens"),
    "clips_each": ("configuration_has_effect", "clipped in each micro-batch"),
    "never_cleared": ("split_invariance", "away the second time"),
    "steps_before": ("can_be_called", "move no weight"),
    "never_steps": ("can_be_called", "no optimizer step"),
    "other_parameters": ("can_be_called", "move no weight"),
    "mean_of_means": ("split_invariance", "it is a mean of the means of micro-batches"),
    "mean_of_means_by_accelerate": ("split_invariance", "it is a mean of the means of micro-batches"),
    "not_divided": ("split_invariance", "times as long"),
    "cleared_in_the_window": ("split_invariance", "away from that of one micro-batch"),
    "off_by_one": ("split_invariance", "away from that of one micro-batch"),
    "drops_the_rest": ("step_accounting", "where the last window is not full"),
    "schedule_per_batch": ("step_accounting", "with accumulation 3"),
    "schedule_before": ("step_accounting", "step the scheduler after the optimizer"),
    "schedule_twice": ("configuration_has_effect", "schedule linear"),
    "clips_too_early": ("configuration_has_effect", "clipped at 0.01"),
    "clips_scaled": ("configuration_has_effect", "unscale_() the gradients before they are clipped"),
    "never_cleared_by_accelerate": ("split_invariance", "away the second time"),
    "make_uncleared": ("split_invariance", "away the second time"),
    "clips_values": ("configuration_has_effect", "clipped at 0.01"),
    "teacher_awake": ("teacher_isolation", "in training mode"),
    "teacher_trains": ("teacher_isolation", "the teacher moved"),
    "at_random": ("can_be_called", "apart"),
    "raises": ("can_be_called", "Bigram is on strike"),
    "WithoutCount": ("split_invariance", "away from that of one micro-batch"),
}
"""The property that each breaks, and a word of what is said."""
