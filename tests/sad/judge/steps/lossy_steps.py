"""Steps that return a loss and leave its step to their caller, and trainers whose program gives them more."""

from __future__ import annotations

import lightning as L
import torch
import torch.nn.functional as F
import transformers


def _distance(student, teacher, mask, heat):
    found = F.kl_div(F.log_softmax(student / heat, -1), F.softmax(teacher / heat, -1), reduction="none").sum(-1)
    return (found * mask).sum() / mask.sum() * heat**2


class Distils(L.LightningModule):
    def __init__(self, net_t, net_s, temperature=2.0):  # noqa: ARG002 - kept by Lightning
        super().__init__()
        self.save_hyperparameters(ignore=["net_t", "net_s"])
        self.net_t, self.net_s = net_t, net_s

    def training_step(self, batch, batch_idx):
        del batch_idx
        with torch.no_grad():
            wanted = self.net_t(batch["input_ids"]).logits[:, :-1]
        loss = _distance(
            self.net_s(batch["input_ids"]).logits[:, :-1],
            wanted,
            batch["labels"][:, 1:] != -100,
            self.hparams.temperature,
        )
        self.log("loss", loss)
        return loss

    def configure_optimizers(self):
        return torch.optim.AdamW(self.net_s.parameters(), lr=1e-4)


class BothOfTexts(torch.nn.Module):
    """Divided by the texts."""

    def __init__(self, student, teacher, kd_alpha=0.5):
        super().__init__()
        self.student, self.teacher, self.kd_alpha = student, teacher, kd_alpha

    def forward(self, input_ids, attention_mask=None, labels=None):
        out = self.student(input_ids=input_ids, attention_mask=attention_mask, labels=labels)
        with torch.no_grad():
            wanted = self.teacher(input_ids=input_ids, attention_mask=attention_mask).logits
        distance = F.kl_div(F.log_softmax(out.logits, -1), F.softmax(wanted, -1), reduction="batchmean")
        return self.kd_alpha * distance + (1 - self.kd_alpha) * out.loss, out.logits


class Told(transformers.Trainer):
    """Its program gives it a teacher once it is made, and a temperature among its arguments."""

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        out = model(**inputs)
        with torch.no_grad():
            wanted = self.teacher_model(**inputs).logits[:, :-1]
        mask = inputs["labels"][:, 1:] != -100
        loss = _distance(out.logits[:, :-1], wanted, mask, self.args.kd_temperature)
        loss = loss * mask.sum() / num_items_in_batch if num_items_in_batch is not None else loss
        return (loss, out) if return_outputs else loss


class Configured(Told):
    """The teacher and a configuration come by its constructor."""

    def __init__(self, *given, distill_config, **kwargs):
        teacher = kwargs.pop("teacher_model")
        super().__init__(*given, **kwargs)
        self.teacher_model = teacher
        self.args.kd_temperature = distill_config.temperature


def needs_more(args, model, loader, optimizer):
    torch.utils.data.BatchSampler([0], batch_size=args.per_device_size, drop_last=False)
    for batch in loader:
        model(**batch).loss.backward()
        optimizer.step()
