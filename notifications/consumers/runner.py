"""Runs all consumers in one process until it is told to end. Wake-ups of other processes begin their work."""

import asyncio
import logging
import os
import socket
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import TypeVar

from django.db import connections
from django.utils import timezone

from notifications import conf, log
from notifications.consumers.lease import RENEW_SECONDS
from notifications.consumers.registry import Consumer
from notifications.consumers.worker import IDLE, ConsumerWorker
from notifications.log import wakeups
from notifications.log.sequencer import sequence_committed
from notifications.stream.remote_wakeups import Arrivals, receive_wakeups
from notifications.stream.supervisor import Supervisor

T = TypeVar("T")
logger = logging.getLogger("notifications.consumers")

# Longest pause between two attempts while the database is away, in seconds.
LONGEST_OUTAGE_PAUSE = 2.0
# Seconds between two searches for events that a process which died has left without a position.
HEAL_EVERY = 1.0

# Work beside the consumers that depends on the time of day too, by name; apps add theirs in ready(). It is called in a thread of
# its own, in every process, with a function that says whether the process ends; it returns the seconds until its next call
# at the latest. It is called earlier where a consumer has handled events.
chores: dict[str, Callable[[Callable[[], bool]], float]] = {}


def process_name() -> str:
    """Returns a name for the leases of this process that no other one has, on any machine."""
    return f"{socket.gethostname()[:60]}-{os.getpid()}-{os.urandom(4).hex()}"


def drain(consumers: Sequence[Consumer]) -> dict[str, str]:
    """Handles what is in the log, and returns; by name, why a consumer has not got to the end, if it has not.

    It waits for no pause: an event that fails, or a function that asks for a later time, is for the next run.
    """
    left: dict[str, str] = {}
    for each in consumers:
        worker = ConsumerWorker(each, process_name())
        try:
            while (pause := worker.step()) == 0:
                pass
            if not worker.holds:
                left[each.name] = "another process has its lease"
            elif pause != IDLE:
                left[each.name] = f"the next try is in {pause:.1f} s"
        finally:
            worker.release()
    for name, chore in chores.items():
        while chore(lambda: False) == 0:
            logger.debug("%s has more to do", name)
    return left


class ConsumerRunner:
    """Runs consumers on the running event loop, each in a thread of its own, so that a slow one delays no other."""

    def __init__(self, consumers: Sequence[Consumer]) -> None:
        holder = process_name()
        self.workers = [ConsumerWorker(each, holder) for each in consumers]
        self.loop = asyncio.get_running_loop()
        self.arrivals = Arrivals(self._take, self._look)
        self._signals = {worker.consumer.name: asyncio.Event() for worker in self.workers}
        self._chore_signals = {name: asyncio.Event() for name in chores}
        self._supervisor = Supervisor()
        self._is_ending = False
        self._publishing: set[asyncio.Task[None]] = set()

    async def run(self, ending: asyncio.Event) -> None:
        """Runs until `ending` is set. Functions that are at work are waited for, then the leases are given back."""
        if wakeups.way() != wakeups.NONE:
            self._supervisor.run("wakeups", partial(receive_wakeups, self.arrivals))
        wakeups.attach(self)
        follows = [asyncio.create_task(self._follow(worker)) for worker in self.workers]
        follows += [asyncio.create_task(self._do_chore(name)) for name in chores]
        keeps = [asyncio.create_task(self._keep_leases()), asyncio.create_task(self._heal())]
        try:
            await ending.wait()
            self._is_ending = True
            for worker in self.workers:
                worker.is_ending = True
            self._look()
            self._begin_chores()
            await asyncio.gather(*follows)
        finally:
            wakeups.attach(None)
            for task in (*follows, *keeps):
                task.cancel()
            await asyncio.gather(*follows, *keeps, *self._publishing, return_exceptions=True)
            await self._supervisor.stop()

    def wake_threadsafe(self, sequenced: wakeups.Sequenced) -> bool:
        """Takes events that this process has sequenced, and wakes the other processes; False if the loop is closed."""
        try:
            self.loop.call_soon_threadsafe(self._take_and_publish, sequenced)
        except RuntimeError:
            return False
        return True

    def _take_and_publish(self, sequenced: wakeups.Sequenced) -> None:
        if wakeups.layer() is not None:
            task = self.loop.create_task(wakeups.publish(sequenced))
            self._publishing.add(task)
            task.add_done_callback(self._publishing.discard)
        else:
            wakeups.send_to_processes(sequenced)
        self._look()

    def _take(self, sequenced: wakeups.Sequenced) -> None:
        self._look()

    def _look(self) -> None:
        for signal in self._signals.values():
            signal.set()

    async def _follow(self, worker: ConsumerWorker) -> None:
        """Steps until the process ends. After a failure of the database it goes on from the cursor."""
        signal, failures = self._signals[worker.consumer.name], 0
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix=worker.consumer.name) as thread:
            in_thread = partial(self._in_thread, thread)
            while not self._is_ending:
                signal.clear()
                try:
                    pause = await in_thread(worker.step)
                    failures = 0
                except Exception:
                    failures += 1
                    if failures == 1:
                        logger.exception("the consumer %s cannot work; trying again", worker.consumer.name)
                    await in_thread(connections.close_all)
                    pause = min(LONGEST_OUTAGE_PAUSE, 0.1 * 2 ** min(failures, 6))
                if pause:
                    await self._wait(signal, pause)
                else:
                    self._begin_chores()
            # The lease expires by itself if the database is away.
            with suppress(Exception):
                await in_thread(worker.release)
            await in_thread(connections.close_all)

    def _begin_chores(self) -> None:
        for signal in self._chore_signals.values():
            signal.set()

    async def _do_chore(self, name: str) -> None:
        """Calls it again and again until the process ends, whatever it raises."""
        signal, failures = self._chore_signals[name], 0
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix=name) as thread:
            while not self._is_ending:
                signal.clear()
                try:
                    pause = await self._in_thread(thread, partial(chores[name], lambda: self._is_ending))
                    failures = 0
                except Exception:
                    failures += 1
                    if failures == 1:
                        logger.exception("%s cannot work; trying again", name)
                    await self._in_thread(thread, connections.close_all)
                    pause = min(LONGEST_OUTAGE_PAUSE, 0.1 * 2 ** min(failures, 6))
                with suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await signal.wait()
            await self._in_thread(thread, connections.close_all)

    async def _wait(self, signal: asyncio.Event, pause: float) -> None:
        """Waits for a wake-up, for the pause at most."""
        seconds = min(pause, conf.poll_seconds(woken=self.arrivals.do_arrive))
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await signal.wait()

    async def _keep_leases(self) -> None:
        """Renews the leases while functions are at work for longer."""
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="leases") as thread:
            while True:
                await asyncio.sleep(RENEW_SECONDS)
                # One that cannot be renewed is lost, which the worker notices when it moves the cursor.
                with suppress(Exception):
                    await self._in_thread(thread, self._renew)

    def _renew(self) -> None:
        try:
            for worker in self.workers:
                if worker.holds:
                    worker.show_age(timezone.now())
                    worker.lease.renew()
        finally:
            connections.close_all()

    async def _heal(self) -> None:
        """Gives positions to events of processes that died; only if an earlier look found some too, as the tail does."""
        found_before = False
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="heal") as thread:
            while True:
                await asyncio.sleep(HEAL_EVERY)
                with suppress(Exception):
                    found_before = await self._in_thread(thread, partial(self._heal_once, found_before))

    def _heal_once(self, found_before: bool) -> bool:  # noqa: FBT001  the result of the call before
        try:
            found = not log.is_sequenced()
            if found and found_before:
                sequence_committed(log.database())
                return False
            return found
        finally:
            connections.close_all()

    async def _in_thread(self, thread: ThreadPoolExecutor, function: Callable[[], T]) -> T:
        return await self.loop.run_in_executor(thread, function)
