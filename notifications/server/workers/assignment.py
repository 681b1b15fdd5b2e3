"""What a worker gets from its parent: its number, the listening socket, and a socket to the parent."""

import json
import os
from dataclasses import asdict, dataclass
from typing import Self

VARIABLE = "NOTIFICATIONS_WORKER"
# Why a worker was started; a label of the metric.
START, DIED, RELOAD = "start", "died", "reload"


@dataclass(frozen=True, slots=True)
class Assignment:
    """A worker's part, passed in an environment variable. listener, control: inherited file descriptors."""

    number: int
    listener: int
    control: int
    reason: str
    # The folder of the metrics of all workers.
    folder: str

    def to_environment(self) -> dict[str, str]:
        """Returns the variables that the worker needs."""
        return {VARIABLE: json.dumps(asdict(self)), "PROMETHEUS_MULTIPROC_DIR": self.folder}

    @classmethod
    def take(cls) -> Self | None:
        """Returns what the parent has passed to this process; None if it is no worker. Programs it starts do not see it."""
        text = os.environ.pop(VARIABLE, "")
        if not text:
            return None
        taken = cls(**json.loads(text))
        for descriptor in (taken.listener, taken.control):
            os.set_inheritable(descriptor, False)  # noqa: FBT003  positional-only
        return taken
