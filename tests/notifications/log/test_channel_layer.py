"""Wake-ups are hints: whatever is wrong with the channel layer, nobody who saves or listens notices."""

import asyncio
from contextlib import suppress
from typing import Any

import pytest
from django.db import transaction
from django.test import override_settings

from notifications import log
from notifications.log import wakeups
from notifications.models import Event
from notifications.stream import runtime
from tests.support.asgi import in_thread

pytestmark = pytest.mark.django_db(transaction=True)


class RaisingLayer:
    """A channel layer of which nothing works."""

    def __init__(self, **_: Any) -> None:
        pass

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError("no layer")


class UnmadeLayer:
    """A channel layer that cannot even be made."""

    def __init__(self, **_: Any) -> None:
        raise RuntimeError("no layer")


@pytest.fixture(params=[f"{__name__}.RaisingLayer", f"{__name__}.UnmadeLayer", "nowhere.Layer"])
def layer(request, monkeypatch):
    monkeypatch.setattr(wakeups, "_quiet_until", 0.0)
    with override_settings(CHANNEL_LAYERS={"default": {"BACKEND": request.param}}):
        yield


def test_a_save_does_not_fail_with_the_channel_layer(layer):
    with transaction.atomic():
        log.append("a:1", "first")
    log.append("a:1", "second")
    assert list(Event.objects.order_by("id").values_list("kind", "position")) == [("first", 1), ("second", 2)]


def test_the_tail_follows_the_log_without_the_channel_layer(layer):
    async def follow() -> int:
        following = await runtime.running()
        try:
            await in_thread(log.append, "a:1", "happened")
            async with asyncio.timeout(20):
                while following.cursor < 1:  # noqa: ASYNC110  it is no event of anybody's
                    await asyncio.sleep(0.01)
            return following.cursor
        finally:
            await runtime.stop()

    assert asyncio.run(follow()) == 1


class SwallowingLayer:
    """A channel layer that connects when it is told to stop, as Redis's may."""

    def __init__(self, **_: Any) -> None:
        pass

    async def new_channel(self) -> str:
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        return "a channel"

    async def group_add(self, group: str, channel: str) -> None:
        pass

    async def receive(self, channel: str) -> Any:
        await asyncio.Event().wait()


@override_settings(CHANNEL_LAYERS={"default": {"BACKEND": f"{__name__}.SwallowingLayer"}})
def test_the_tail_stops_though_the_channel_layer_swallows_a_cancellation():
    async def follow() -> None:
        await runtime.running()
        async with asyncio.timeout(20):
            await runtime.stop()

    asyncio.run(follow())
