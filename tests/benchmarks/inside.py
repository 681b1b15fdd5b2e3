"""The driver's end of a program that runs inside the settings of a site: told what to do by JSON lines, answering so."""

import json
import os
import select
import subprocess
import sys
import time
from types import TracebackType
from typing import Any, Self

from .errors import BenchmarkError
from .sites import Site

START_SECONDS = 60


class Inside:
    """A process of its own beside the servers of a site, as a management command is."""

    def __init__(self, site: Site, program: str) -> None:
        self.site = site
        self.answers = b""
        with site.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", f"{__package__}.{program}"],
                cwd=site.folder,
                env=site.environment(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.communicate()

    def tell(self, do: str, **options: Any) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"do": do, **options}).encode() + b"\n")
        self.process.stdin.flush()

    def answer(self, seconds: float) -> Any:
        """Waits for one; what ends without it says why in the site's log."""
        assert self.process.stdout is not None
        deadline = time.monotonic() + seconds
        while b"\n" not in self.answers:
            ready = select.select([self.process.stdout], [], [], max(0.0, deadline - time.monotonic()))[0]
            received = os.read(self.process.stdout.fileno(), 1 << 20) if ready else b""
            if not received:
                log = self.site.log.read_text(errors="replace")[-2000:]
                raise BenchmarkError(f"{self.site.label}: no answer within {seconds:.0f} s:\n{log}")
            self.answers += received
        line, _, self.answers = self.answers.partition(b"\n")
        return json.loads(line)

    def ask(self, do: str, *, seconds: float, **options: Any) -> Any:
        self.tell(do, **options)
        return self.answer(seconds)
