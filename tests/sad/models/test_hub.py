"""Without a network the hub is not waited for."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import datasets.config
import pytest
from huggingface_hub import constants

from sad.models import hub


@pytest.fixture(autouse=True)
def _online(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(hub, "getproxies", dict)
    hub.reachable.cache_clear()
    yield
    hub.reachable.cache_clear()


def unreachable(*_: object) -> socket.socket:
    raise OSError("no route")


def test_a_hub_that_does_not_answer_leaves_the_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "create_connection", unreachable)
    assert not hub.ready()
    assert constants.HF_HUB_OFFLINE
    assert datasets.config.HF_HUB_OFFLINE


def test_a_hub_that_answers_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def connect(address: tuple[str, int], patience: float) -> socket.socket:
        asked.append((address, patience))
        return socket.socket()

    monkeypatch.setattr(socket, "create_connection", connect)
    monkeypatch.setattr(constants, "ENDPOINT", "http://mirror.example:8080/hub")
    assert hub.ready()
    assert hub.ready()
    assert asked == [(("mirror.example", 8080), hub.PATIENCE)]
    assert not constants.HF_HUB_OFFLINE


def test_behind_a_proxy_only_the_client_can_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "create_connection", unreachable)
    monkeypatch.setattr(hub, "getproxies", lambda: {"https": "http://proxy.example"})
    assert hub.ready()


def test_who_asked_for_offline_gets_it_unasked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(socket, "create_connection", lambda *_: pytest.fail("asked"))
    assert not hub.ready()
