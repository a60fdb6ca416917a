"""What is fetched by name is what is here, told apart by what it is given to; nothing is fetched."""

from types import SimpleNamespace

import torch
import transformers
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, GPT2LMHeadModel

from sad.judge.fetched import fetched

HERE = "a/model-that-is-nowhere"


def load_teacher(name):
    return AutoModelForCausalLM.from_pretrained(name)


def load_model(name):
    model = GPT2LMHeadModel.from_pretrained(name)
    assert model is not None
    return model


def test_a_teacher_and_a_student_are_told_by_their_names(tmp_path):
    before = vars(transformers.PreTrainedModel)["from_pretrained"]
    student, tokenizer, of = SimpleNamespace(config="its"), object(), SimpleNamespace()
    with fetched(student, "the teacher", tokenizer, lambda name: "teacher" in name):
        of.teacher_model = AutoModelForCausalLM.from_pretrained(HERE, device_map="auto")
        big = load_teacher(HERE)
        my_teacher = load_model(HERE)
        of.student = load_model(HERE)
        config, words = AutoConfig.from_pretrained(HERE), AutoTokenizer.from_pretrained(HERE)
        torch.save({}, tmp_path / "none" / "at_all.pt")
        torch.save({}, tmp_path / "saved.pt")
    assert (of.teacher_model, big, my_teacher) == ("the teacher",) * 3
    assert of.student is student
    assert (config, words is tokenizer) == ("its", True)
    assert (tmp_path / "saved.pt").exists()
    assert vars(transformers.PreTrainedModel)["from_pretrained"] is before
    assert torch.save.__module__ == "torch.serialization"
