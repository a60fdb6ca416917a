"""What a trainer's class asks for that its base has not."""

from types import SimpleNamespace

from sad.judge.steps.own import Own


class Base:
    def __init__(self, args=None):
        self.args = args


class Asks(Base):
    def __init__(self, *given, distill_config, **kwargs):  # noqa: ARG002 - read by its name
        self.alpha = kwargs.pop("kd_alpha")
        self.colour = kwargs.pop("colour")
        super().__init__(*given, **kwargs)

    def compute_loss(self):
        self.teacher_model = self.teacher_model.eval()
        return self.alpha * self.temperature * self.args.distill_temperature + self.args.shade


def test_what_it_asks_for():
    own = Own(Asks)
    assert (own.teacher, own.takes_teacher, own.popped) == ("teacher_model", False, ["kd_alpha"])
    made = SimpleNamespace(alpha=1.0)
    assert own.left(made) == ["teacher_model", "temperature"]
    assert own.arguments(SimpleNamespace()) == ["distill_temperature"]
    assert (own.value("kd_alpha"), own.value("distill_config").temperature) == (0.5, 1.0)
    assert not own.knows("shade")
    # a setting of that name is a word
    assert not own.value("distill_config").criterion
