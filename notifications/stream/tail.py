"""The tail: reads the log past its cursor, once per process, and gives every entry to the fan-out."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from django.db import connections

from notifications import conf, log, metrics
from notifications.log import reader, wakeups
from notifications.log.sequencer import sequence_committed
from notifications.stream.backlog import Backlog, ControlBacklog
from notifications.stream.entry import Entry
from notifications.stream.fan_out import fan_out
from notifications.stream.hub import Hub
from notifications.stream.remote_wakeups import Arrivals, receive_wakeups
from notifications.stream.supervisor import Supervisor, end

T = TypeVar("T")
logger = logging.getLogger("notifications.tail")

# Seconds between two searches for committed events without a position, which a process left that died.
HEAL_SECONDS = 0.8
# Seconds after which the second search follows a first one that found some.
AGAIN_SECONDS = 0.3
# Longest pause between two attempts while the database is away.
BACKOFF_SECONDS = 2.0

# Coroutines that run beside every tail, by name; apps add theirs in ready().
companions: "dict[str, Callable[[Tail], Coroutine[object, object, None]]]" = {}


class Tail:
    """Follows the log on one event loop; `cursor` is the position, in `epoch`, up to which the streams have been served."""

    def __init__(self, hub: Hub) -> None:
        """hub: its streams are served once start() is called, on the running loop."""
        self.hub = hub
        self.loop = asyncio.get_running_loop()
        self.cursor = 0
        self.epoch = ""
        self._wakeup = asyncio.Event()
        self.backlog = Backlog()
        self._controls = ControlBacklog()
        # The highest head that a wake-up announced.
        self._announced = 0
        # Wake-ups of this process that wait for _take_local().
        self._local: list[wakeups.Sequenced] = []
        # The wake-ups of other processes.
        self.arrivals = Arrivals(self._take, self._wakeup.set)
        # Whether the last search found events without a position.
        self._found_unsequenced = False
        # When to look whether the log is still the same.
        self._heal_at = 0.0
        self._publishing: set[asyncio.Task[None]] = set()
        self._started = asyncio.Event()
        # A thread of its own, which holds the tail's one database connection.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="tail")
        self.supervisor = Supervisor()

    def start(self) -> None:
        """Begins at the log's present head."""
        self.supervisor.run("tail", self._follow)
        if wakeups.way() != wakeups.NONE:
            self.supervisor.run("wakeups", partial(receive_wakeups, self.arrivals))
        for name, run in companions.items():
            self.supervisor.run(name, partial(run, self))
        wakeups.attach(self)

    async def started(self) -> None:
        """Returns once the cursor is known, so that a stream may attach."""
        await self._started.wait()

    async def stop(self) -> None:
        """Stops following and closes the database connection."""
        wakeups.attach(None)
        metrics.tail_stopped()
        await self.supervisor.stop()
        await asyncio.gather(*map(end, self._publishing))
        await self._in_thread(connections.close_all)
        self._thread.shutdown(wait=False)

    def wake_threadsafe(self, sequenced: wakeups.Sequenced) -> bool:
        """Takes events that this process has sequenced, and wakes the other processes; False if the loop is closed."""
        try:
            self.loop.call_soon_threadsafe(self._take_and_publish, sequenced)
        except RuntimeError:
            return False
        return True

    def controls_since(self, position: int, channel: str) -> list[Entry] | None:
        """Returns the control events of a channel after a position; None if that is no longer known."""
        return self._controls.since(position, channel)

    def _take_and_publish(self, sequenced: wakeups.Sequenced) -> None:
        if wakeups.layer() is not None:
            task = self.loop.create_task(wakeups.publish(sequenced))
            self._publishing.add(task)
            task.add_done_callback(self._publishing.discard)
        else:
            wakeups.send_to_processes(sequenced)
        self._local.append(sequenced)
        if len(self._local) == 1:
            # After the publishing task has started, so that other processes are woken before our streams are written to;
            # and after all wake-ups that came while streams were written to, so that a burst takes few writes.
            self.loop.call_soon(self._take_local)

    def _take_local(self) -> None:
        """Takes the wake-ups of this process, as one and in the order of the log."""
        local, self._local = self._local, []
        epoch = local[-1].epoch
        local = [each for each in local if each.epoch == epoch]
        events = {event.position or 0: event for sequenced in local for event in sequenced.events}
        self._take(wakeups.Sequenced(max(each.head for each in local), [events[key] for key in sorted(events)], epoch))

    def _take(self, sequenced: wakeups.Sequenced) -> None:
        """Delivers the events that follow the cursor without a gap; the rest is read from the log."""
        if sequenced.epoch not in ("", self.epoch):
            # One of the two is of another log: it is compared at once.
            self._heal_at = 0.0
            self._wakeup.set()
            return
        self._announced = max(self._announced, sequenced.head)
        news = [event for event in sequenced.events if (event.position or 0) > self.cursor]
        following = [event for place, event in enumerate(news, self.cursor + 1) if event.position == place]
        if following and self._started.is_set():
            self._deliver([Entry(event, self.epoch) for event in following])
        if self.cursor < sequenced.head:
            self._wakeup.set()

    async def _follow(self) -> None:
        """Runs until it is cancelled. After a failure of the database it goes on from where it was."""
        failures = 0
        while True:
            try:
                if not self._started.is_set():
                    self.cursor, _horizon, self.epoch = await self._in_thread(log.begin)
                    self._started.set()
                if self.loop.time() >= self._heal_at:
                    self._heal_at = self.loop.time() + HEAL_SECONDS
                    # A wake-up may move the cursor past the head that is being read.
                    self._compare(await self._in_thread(partial(self._heal, self.cursor)))
                await self._advance()
                metrics.tail_read(self.cursor)
                failures = 0
            except Exception:
                failures += 1
                if failures == 1:
                    logger.exception("the log cannot be read; trying again until it can")
                await self._in_thread(connections.close_all)
                await asyncio.sleep(min(BACKOFF_SECONDS, 0.1 * 2 ** min(failures, 6)))
                continue
            await self._wait()

    async def _advance(self) -> None:
        """Delivers everything past the cursor."""
        self._wakeup.clear()
        found = 0
        while events := await self._in_thread(partial(log.read, self.cursor, with_retracted=True)):
            # A wake-up may have brought some of them meanwhile.
            if news := [Entry(event, self.epoch) for event in events if (event.position or 0) > self.cursor]:
                self._deliver(news)
            found += len(news)
            # Between two pages the streams' tasks run.
            await asyncio.sleep(0)
            if len(events) < reader.READ_LIMIT:
                break
        if found and self.cursor > self._announced and self._announced:
            # The log grew without a wake-up: those of other processes do not arrive.
            self.arrivals.do_arrive = False

    def _heal(self, cursor: int) -> log.Bounds:
        """Sequences events of a process that died between its commit and its sequencing; returns the bounds.

        A log that ends before the cursor is another log (a restored database), and gets another epoch.

        Only if the search before found some too: those that were committed just now are left to their own process, which
        would otherwise compete with this one.
        """
        found_before, self._found_unsequenced = self._found_unsequenced, not log.is_sequenced()
        if self._found_unsequenced:
            self._heal_at = self.loop.time() + AGAIN_SECONDS
        if found_before and self._found_unsequenced:
            self._found_unsequenced = False
            sequence_committed(log.database())
        bounds = log.begin()
        if bounds.head < cursor and bounds.epoch == self.epoch:
            logger.error("the log went back from %d to %d", cursor, bounds.head)
            bounds = log.renew_epoch(bounds.epoch)
        return bounds

    def _compare(self, bounds: log.Bounds) -> None:
        """If the log has another epoch, all streams start over: each client is answered with `reset` when it comes back."""
        metrics.TAIL_BEHIND.set(max(0, bounds.head - self.cursor))
        if bounds.epoch != self.epoch:
            logger.error("the log has the epoch %s, not %s: streams are asked to come back", bounds.epoch, self.epoch)
            self.cursor, self.epoch, self._announced = bounds.head, bounds.epoch, 0
            self.backlog.clear()
            self._controls = ControlBacklog()
            # In the same step of the loop: no open stream receives an entry of the new epoch.
            self.hub.close_all()

    def _deliver(self, entries: list[Entry]) -> None:
        self.backlog.extend(entries)
        for entry in entries:
            if entry.kind == log.RETRACTED.name:
                self.backlog.retract(entry.event.data["positions"])
        self._controls.extend(entries)
        try:
            fan_out(self.hub, entries)
        except Exception:
            logger.exception("events up to %s could not be delivered to every stream", entries[-1].position)
            # Those that have received nothing must not be counted as served up to here: each reads the log.
            for stream in self.hub.streams:
                stream.drop_queue()
                stream.aevent.set()
        # In the same step of the loop as the fan-out: a stream attaches either before both or after both.
        self.cursor = entries[-1].position

    async def _wait(self) -> None:
        try:
            seconds = conf.poll_seconds(woken=self.arrivals.do_arrive)
            async with asyncio.timeout(AGAIN_SECONDS if self._found_unsequenced else seconds):
                await self._wakeup.wait()
        except TimeoutError:
            pass

    async def _in_thread(self, function: Callable[[], T]) -> T:
        return await self.loop.run_in_executor(self._thread, function)
