"""Pages and API calls of the readers while everything else goes on: none may be answered with 5xx."""

import http.client
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from tests.torture.plan import Plan

PATHS = [
    "/",
    "/notifications/",
    "/notifications/?show=unread",
    "/notifications/?before={cursor}",
    "/notifications/preferences/",
    "/orders/",
    "/sales/",
    "/api/inbox?limit=200",
    "/api/inbox?unread=true&before={cursor}",
    "/api/unread",
    "/api/events?after={cursor}&limit=200",
    "/api/preferences",
]
PATIENCE = 30.0


class Polls(threading.Thread):
    """Asks any server for any page of any reader, one after the other.

    is_calm(since): whether the database has been there since that time of time.monotonic(). Without it no page can be answered.
    """

    def __init__(
        self, people: list[dict[str, Any]], ports: list[int], plan: Plan, is_calm: Callable[[float], bool]
    ) -> None:
        super().__init__(daemon=True)
        self.people, self.ports, self.is_calm, self.pause = people, ports, is_calm, plan.poll_pause
        self.chance = random.Random(f"{plan.seed} polls")
        self.counts: Counter[str] = Counter()
        self.errors: list[str] = []
        self.ended = threading.Event()

    def run(self) -> None:
        while not self.ended.wait(self.chance.uniform(0, self.pause)):
            person, path = self.chance.choice(self.people), self.chance.choice(PATHS)
            self.ask(self.chance.choice(self.ports), path.format(**person), person["session"])

    def ask(self, port: int, path: str, session: str) -> None:
        """Asks once. A server that is killed or starting has no answer, and is asked for nothing more."""
        began = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        try:
            connection.request("GET", path, headers={"Cookie": f"sessionid={session}"})
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            self.counts["no answer"] += 1
            return
        finally:
            connection.close()
        if answer.status < 500:
            self.counts[f"answered {answer.status}"] += 1
        elif self.is_calm(began):
            self.counts["5xx"] += 1
            self.errors.append(f"{path} was answered with {answer.status}")
        else:
            self.counts[f"answered {answer.status} while PostgreSQL was away"] += 1

    def stop(self) -> None:
        """Ends it."""
        self.ended.set()
        if self.ident is not None:
            self.join(PATIENCE)
