"""The tail: reads the log past its cursor, once per process, and hands every entry to the streams that want it."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from django.db import connection

from notifications import conf, log, metrics
from notifications.log import reader, wakeups
from notifications.log.control import is_control
from notifications.stream.backlog import Recent
from notifications.stream.entry import Entry
from notifications.stream.hub import LogListenerManager

T = TypeVar("T")
logger = logging.getLogger("notifications.tail")

# Seconds between two looks for committed events that nobody sequenced, because their process died.
HEAL_SECONDS = 0.8
# Longest pause between two attempts while the database is away.
BACKOFF_SECONDS = 2.0
# Steering entries remembered for streams that are just being opened; older ones count as unknown.
CONTROLS_KEPT = 1000


# What runs beside a tail as long as it does; filled by the apps that are ready.
companions: "dict[str, Callable[[Tail], Coroutine[object, object, None]]]" = {}


class Tail:
    """Follows the log on one event loop; `cursor` is the position up to which streams have been served."""

    def __init__(self, manager: LogListenerManager) -> None:
        """Makes a tail that feeds this registry; start() sets it going on the running loop."""
        self.manager = manager
        self.loop = asyncio.get_running_loop()
        self.cursor = 0
        self.woken_from_afar = False
        self.recent = Recent()
        self._controls: deque[Entry] = deque(maxlen=CONTROLS_KEPT)
        self._announced = 0
        # What wake-ups have brought and nobody has taken yet.
        self._brought: list[wakeups.Sequenced] = []
        self._waiting = False
        self._publish: set[asyncio.Task[None]] = set()
        self._wakeup = asyncio.Event()
        self._started = asyncio.Event()
        # One thread of its own: the tail's one database connection lives there, whatever else the process does.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="tail")
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begins at the log's present head."""
        self._tasks = [asyncio.create_task(self._follow(), name="tail")]
        if wakeups.layer() is not None:
            self._tasks.append(asyncio.create_task(self._hear(), name="tail-wake"))
        self._tasks += [asyncio.create_task(run(self), name=f"tail-{name}") for name, run in companions.items()]
        wakeups.attach(self)

    async def started(self) -> None:
        """Returns once the cursor is known, so that a stream may attach."""
        await self._started.wait()

    async def stop(self) -> None:
        """Stops following and closes the connection."""
        wakeups.attach(None)
        metrics.tail_stopped()
        tasks = [*self._tasks, *self._publish]
        # Until they have ended: a cancellation that comes while Redis is being connected to is swallowed there.
        while running := [task for task in tasks if not task.done()]:
            for task in running:
                task.cancel()
            await asyncio.wait(running, timeout=0.2)
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._in_thread(_disconnect)
        self._thread.shutdown(wait=False)

    def wake_threadsafe(self, sequenced: wakeups.Sequenced) -> bool:
        """Takes what this process has sequenced, and tells the other processes; False where the loop is gone."""
        try:
            self.loop.call_soon_threadsafe(self._wake, sequenced)
        except RuntimeError:
            return False
        return True

    def controls_since(self, position: int, channel: str) -> list[Entry] | None:
        """Returns the steering entries after the position for one person, or None where that is no longer known."""
        if len(self._controls) == CONTROLS_KEPT and self._controls[0].position > position:
            return None
        return [entry for entry in self._controls if entry.position > position and entry.channel == channel]

    def _wake(self, sequenced: wakeups.Sequenced) -> None:
        if wakeups.layer() is not None:
            task = self.loop.create_task(wakeups.publish(sequenced))
            self._publish.add(task)
            task.add_done_callback(self._publish.discard)
        self._brought.append(sequenced)
        if len(self._brought) == 1:
            # Behind the task's first step: other processes hear of it before this one has served its streams. And behind
            # all that came while those were served: a burst is delivered in few writes.
            self.loop.call_soon(self._take_brought)

    def _take_brought(self) -> None:
        """Takes what wake-ups have brought, in the order of the log."""
        brought, self._brought = self._brought, []
        events = {event.position or 0: event for sequenced in brought for event in sequenced.events}
        self._take(wakeups.Sequenced(max(each.head for each in brought), [events[key] for key in sorted(events)]))

    def _take(self, sequenced: wakeups.Sequenced) -> None:
        """Delivers events that join on to the cursor; from a gap on, the log is read instead."""
        self._announced = max(self._announced, sequenced.head)
        news = [event for event in sequenced.events if (event.position or 0) > self.cursor]
        joined = [event for place, event in enumerate(news, self.cursor + 1) if event.position == place]
        if joined and self._started.is_set():
            self._deliver([Entry(event) for event in joined])
        if self.cursor < sequenced.head:
            self._wakeup.set()

    async def _follow(self) -> None:
        """The tail's life: whatever the database does, it goes on, from where it was."""
        failures = 0
        heal_at = 0.0
        while True:
            try:
                if not self._started.is_set():
                    self.cursor = await self._in_thread(log.head)
                    self._started.set()
                if self.loop.time() >= heal_at:
                    # A wake-up may move the cursor past the head that was read meanwhile.
                    cursor = self.cursor
                    self._compare(await self._in_thread(self._heal), cursor)
                    heal_at = self.loop.time() + HEAL_SECONDS
                await self._advance()
                metrics.tail_read(self.cursor)
                failures = 0
            except Exception:
                failures += 1
                if failures == 1:
                    logger.exception("the log cannot be read; trying again until it can")
                await self._in_thread(_disconnect)
                await asyncio.sleep(min(BACKOFF_SECONDS, 0.1 * 2 ** min(failures, 6)))
                continue
            await self._wait()

    async def _advance(self) -> None:
        """Delivers everything past the cursor."""
        self._wakeup.clear()
        found = 0
        while events := await self._in_thread(partial(log.read, self.cursor)):
            # Less what a wake-up has brought meanwhile.
            if news := [Entry(event) for event in events if (event.position or 0) > self.cursor]:
                self._deliver(news)
            found += len(news)
            # Streams get the loop between two pages.
            await asyncio.sleep(0)
            if len(events) < reader.READ_LIMIT:
                break
        if found and self.cursor > self._announced and self._announced:
            # The log grew and nobody said so: the wake-ups of other processes do not arrive.
            self.woken_from_afar = False

    def _heal(self) -> int:
        """Sequences what a process left behind that died between its commit and its sequencing; returns the head.

        Only what was there at the last look too: what is merely on its way would be fought over with its own sequencer.
        """
        waited, self._waiting = self._waiting, not log.is_sequenced()
        if waited and self._waiting:
            self._waiting = False
            return log.sequence()
        return log.head()

    def _compare(self, head: int, cursor: int) -> None:
        """A log that ends before where our cursor was is another one (a restored database): all streams start over."""
        metrics.TAIL_BEHIND.set(max(0, head - self.cursor))
        if head < cursor:
            logger.error("the log went back from %d to %d: streams are asked to come back", cursor, head)
            self.cursor = head
            self.recent.clear()
            self.manager.close_all()

    def _deliver(self, entries: list[Entry]) -> None:
        self.recent.extend(entries)
        self._controls.extend(entry for entry in entries if is_control(entry.channel))
        try:
            self.manager.fan_out(entries)
        except Exception:
            logger.exception("events up to %s could not be delivered to every stream", entries[-1].position)
        # In the same step of the loop as the fan-out: a stream attaches either before both or after both.
        self.cursor = entries[-1].position

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(conf.poll_seconds(woken=self.woken_from_afar)):
                await self._wakeup.wait()
        except TimeoutError:
            pass

    async def _hear(self) -> None:
        """Listens for other processes' wake-ups; without them the tail polls faster."""
        while True:
            layer = wakeups.layer()
            try:
                channel = await layer.new_channel()
                await layer.group_add(wakeups.GROUP, channel)
                while True:
                    message = await layer.receive(channel)
                    self.woken_from_afar = True
                    self._take(wakeups.unpacked(message))
            except Exception as error:  # noqa: BLE001  Redis fails in many ways; polling goes on in all of them
                self.woken_from_afar = False
                logger.warning("wake-ups from other processes are not heard, polling: %s", error)
                await asyncio.sleep(BACKOFF_SECONDS)

    async def _in_thread(self, function: Callable[[], T]) -> T:
        return await self.loop.run_in_executor(self._thread, function)


def _disconnect() -> None:
    # A function of its own: `connection` means that of the thread which looks it up.
    connection.close()
