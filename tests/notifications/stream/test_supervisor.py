"""Background tasks: whatever kills one, it is logged, counted, shown by /readyz, and started again."""

import asyncio
from typing import Any

import pytest

from notifications import log, metrics
from notifications.log import wakeups
from notifications.models import ServerProcess
from notifications.monitoring import check_health, heartbeat
from notifications.stream import runtime, supervisor
from notifications.stream.supervisor import Supervisor
from notifications.stream.tail import Tail
from tests.support.asgi import in_thread

pytestmark = pytest.mark.django_db(transaction=True)


class QueueLayer:
    """A channel layer of one process, that counts as one that reaches others. A message that is an exception is raised."""

    def __init__(self, **_: Any) -> None:
        self.queues: dict[str, asyncio.Queue[Any]] = {}
        self.members: set[str] = set()

    async def new_channel(self) -> str:
        name = f"specific.{len(self.queues)}"
        self.queues[name] = asyncio.Queue()
        return name

    async def group_add(self, group: str, channel: str) -> None:
        self.members.add(channel)

    async def group_discard(self, group: str, channel: str) -> None:
        self.members.discard(channel)

    async def group_send(self, group: str, message: Any) -> None:
        for name in self.members:
            self.queues[name].put_nowait(message)

    async def receive(self, channel: str) -> Any:
        message = await self.queues[channel].get()
        if isinstance(message, Exception):
            raise message
        return message


@pytest.fixture
def layer(monkeypatch, settings):
    settings.NOTIFICATIONS_SAFETY_POLL_SECONDS = 60
    layer = QueueLayer()
    monkeypatch.setattr(wakeups, "layer", lambda: layer)
    monkeypatch.setattr(heartbeat, "EVERY", 0.05)
    monkeypatch.setattr(supervisor, "STEADY_SECONDS", 0.3)
    return layer


def running(name: str) -> asyncio.Task[Any]:
    (task,) = [task for task in asyncio.all_tasks() if task.get_name() == name]
    return task


async def until(condition) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110  the conditions are no events
            await asyncio.sleep(0.01)


def follow(scenario) -> None:
    async def whole() -> None:
        tail = await runtime.running()
        try:
            await scenario(tail)
        finally:
            await runtime.stop()

    asyncio.run(whole())


async def works(tail: Tail, name: str) -> None:
    """Returns once a task does its work."""
    if name == "tail":
        before = tail.cursor
        await in_thread(log.append, "a:1", "happened")
        await until(lambda: tail.cursor > before)
    elif name == "wakeups":
        await until(lambda: wakeups.layer().members)
        await wakeups.layer().group_send("", {"position": 1, "events": ""})
        await until(lambda: tail.arrivals.do_arrive)
    else:
        await in_thread(ServerProcess.objects.all().delete)
        async with asyncio.timeout(20):
            while not await in_thread(ServerProcess.objects.exists):
                pass


@pytest.mark.parametrize("name", ["tail", "wakeups", "reports"])
def test_a_task_that_is_killed_comes_back_and_is_reported(layer, caplog, name):
    failures = metrics.BACKGROUND_FAILURES.labels(name)
    up = metrics.BACKGROUND_UP.labels(name)

    async def scenario(tail: Tail) -> None:
        assert set(tail.supervisor._tasks) == {"tail", "wakeups", "reports"}
        await works(tail, name)
        before = metrics.value(failures)
        running(name).cancel()
        await until(lambda: tail.supervisor.down)
        assert tail.supervisor.down == {name: "cancelled"}
        assert metrics.value(up) == 0
        health = await in_thread(check_health)
        assert health.state == "degraded"
        assert f"tasks: degraded, {name} is started again (cancelled)" in health.text()
        await works(tail, name)
        await until(lambda: not tail.supervisor.down)
        assert (metrics.value(up), metrics.value(failures)) == (1, before + 1)
        assert "tasks: ok, all run" in (await in_thread(check_health)).text()

    follow(scenario)
    assert f"the background task {name} failed (cancelled) and is started again" in caplog.text


def test_a_report_that_raises_is_logged_and_reported_again(layer, caplog, monkeypatch):
    def fail(self):
        raise KeyError("a bug")

    async def scenario(tail: Tail) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(heartbeat.Reporter, "figures", fail)
            await until(lambda: tail.supervisor.down.get("reports") == "KeyError")
        await works(tail, "reports")

    follow(scenario)
    assert "a bug" in caplog.text


@pytest.mark.parametrize(
    "strange",
    [ValueError("no message"), RuntimeError("a layer that fails"), 7, [], {}, {"position": "x"}, {"events": 7}],
    ids=repr,
)
def test_a_strange_wake_up_harms_nothing_and_the_next_one_arrives(layer, strange):
    async def scenario(tail: Tail) -> None:
        await works(tail, "wakeups")
        before = len(layer.queues)
        for _ in range(5):
            await layer.group_send("", strange)
        tail.arrivals.do_arrive = False
        await works(tail, "wakeups")
        # One channel for all: none is left behind that takes messages for ever.
        assert (len(layer.queues), len(layer.members)) == (before, 1)
        assert all(queue.empty() for queue in layer.queues.values())

    follow(scenario)
    assert not layer.members


def test_the_pause_grows_with_each_failure_and_starts_over_after_a_steady_run(monkeypatch):
    assert [supervisor.pause_after(failures) for failures in (1, 2, 3, 4, 100)] == [0.1, 0.2, 0.4, 0.8, 30.0]
    in_a_row: list[int] = []

    def recorded(failures: int) -> float:
        in_a_row.append(failures)
        return 0

    async def work() -> None:
        if len(in_a_row) == 4:
            await asyncio.sleep(0.3)
        raise RuntimeError("again")

    async def scenario() -> None:
        watched = Supervisor()
        watched.run("work", work)
        await until(lambda: len(in_a_row) >= 6)
        await watched.stop()

    monkeypatch.setattr(supervisor, "STEADY_SECONDS", 0.2)
    monkeypatch.setattr(supervisor, "pause_after", recorded)
    asyncio.run(scenario())
    assert in_a_row[:6] == [1, 2, 3, 4, 1, 2]


def test_a_task_that_swallows_its_cancellation_ends_with_the_supervisor():
    async def stubborn() -> None:
        swallowed = 0
        while swallowed < 3:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                swallowed += 1

    async def scenario() -> None:
        watched = Supervisor()
        watched.run("stubborn", stubborn)
        await asyncio.sleep(0.05)
        await watched.stop()
        assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("stubborn")]

    asyncio.run(scenario())
