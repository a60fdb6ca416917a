"""`python -m sad.judge.child REQUEST RESULT`: judges someone's code in its own process, writes down every event.

Whatever the code prints goes to this process's streams, never into the result.
"""

from __future__ import annotations

import faulthandler
import gc
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from sad.errors import UserError
from sad_doctor.record import spell

MEMORY = 12 * 2**30
"""Bytes of private memory: more than any tiny call needs, less than what makes a machine swap."""


def main(request_file: str, result_file: str) -> int:
    """Judge as the request says; events are appended to the result as lines of JSON."""
    request: dict[str, Any] = json.loads(Path(request_file).read_text(encoding="utf-8"))
    faulthandler.enable()
    # what is compiled takes minutes for its first call, and computes the same
    os.environ.setdefault("TORCH_COMPILE_DISABLE", "1")
    _limit_memory()
    sys.path.insert(0, os.getcwd())
    with Path(result_file).open("a", encoding="utf-8") as result:

        def tell(event: dict[str, Any]) -> None:
            result.write(json.dumps(spell(event), allow_nan=False) + "\n")
            result.flush()

        try:
            for event in _events(request):
                tell(_plain(event))
        except UserError as error:
            tell({"unjudged": str(error)})
        except BaseException as error:
            # an exit or an interrupt that the code itself raises where it is called
            from sad.judge.target import said

            tell({"raised": said(error)})
        tell({"done": True})
    return 0


def _events(request: dict[str, Any]) -> Any:  # noqa: ANN401 - an iterator of events
    import torch

    torch.set_num_threads(1)
    from sad.judge.no_gpu import on_cpu
    from sad.judge.one_process import alone

    on_cpu()
    alone()
    from sad.judge.gives import parse
    from sad.judge.interface import Interface
    from sad.judge.judging import FOUND, Named, judging
    from sad.judge.lifted import because
    from sad.judge.losses.adapter import adapted
    from sad.judge.losses.call import Call
    from sad.judge.losses.partly import whole_or_part
    from sad.judge.losses.session import session
    from sad.judge.missing import placeholders
    from sad.judge.renamed import renamed
    from sad.judge.target import load, owner
    from sad.judge.told import telling

    interface = Interface(request.get("interface", Interface.LOSS))
    if interface is not Interface.LOSS:
        # before anything of the code's, whose time is limited
        with _installed_first():
            import_module(FOUND[interface])
    # a trainer of transformers collects garbage in each run: what was imported is none
    gc.freeze()
    yield {"start": "load"}
    target, adapter = request.get(interface.value), request.get("adapter")
    only, skip, more = tuple(request.get("only", ())), tuple(request.get("skip", ())), request.get("more", "")
    given = parse(request.get("given", ()), interface)
    if interface is not Interface.LOSS:
        asked = Named(interface, target, adapter, tuple(request.get("tokenizers", ())))
        with telling(given):
            yield from judging(asked, f"{request['name']}{more}", only=only, skip=skip)
        return
    stood: list[str] = []
    lifted: list[str] = []
    named, of = None, None
    if not adapter:
        assert isinstance(target, str), "a request names a loss or an adapter"
        named = load(target, stood)
        lifted = because(named)
        of = owner(target)
    with telling(given), renamed(named, of) as read:
        asked_of = {"only": only, "seed": request.get("seed", 0), "skip": skip, "more": more}

        def whole() -> Any:  # noqa: ANN401 - an iterator of events
            subject = adapted(adapter, target) if adapter else _subject(read, str(target), of, Call)
            return session(subject, request["name"], **asked_of)

        for event in whole() if adapter else whole_or_part(whole, named, of, request["name"], **asked_of):
            if "assumed" in event:
                event["assumed"] += [*lifted, *placeholders(stood)]
            yield event


@contextmanager
def _installed_first() -> Iterator[None]:
    """What is installed comes before a copy of it that the code brings: a repository of transformers has one."""
    before = list(sys.path)
    sys.path.sort(key=lambda one: not one.endswith("-packages"))
    yield
    sys.path[:] = before


def _subject(named: Any, target: str, owner: type | None, call: Any) -> Any:  # noqa: ANN401 - anything that was named
    from sad.judge.output import article
    from sad.subjects.divergence import Divergence

    if isinstance(named, Divergence):
        return named
    if not callable(named) and not isinstance(named, classmethod):
        raise UserError(f"{target} is {article(type(named).__name__)}: give a function, a class or what is called")
    return call(named, owner)


def _plain(event: dict[str, Any]) -> dict[str, Any]:
    from dataclasses import asdict

    line = event.get("line")
    return event if line is None else {"line": {**asdict(line), "standing": line.standing.value}}


def _limit_memory() -> None:
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (ImportError, ValueError, OSError):
        # a system without such limits: the time limit still holds
        return


if __name__ == "__main__":
    status = main(*sys.argv[1:3])
    sys.stdout.flush()
    # threads and exit hooks of the code under judgement are not waited for
    os._exit(status)
