"""Debian's Chromium without windows, driven by Playwright."""

import asyncio
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from playwright.sync_api import Browser, sync_playwright

from tests.support.processes import program

# The first without the windows of the others, which nobody sees: its tests take three fifths of their processor time.
PROGRAMS = ["chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"]
DISABLED_FEATURES = [
    # The suggestions below an address that is typed: each window has a process for them, and no test sees them.
    "WebUIOmniboxAimPopup",
    "WebUIOmniboxFullPopup",
    "WebUIOmniboxPopup",
    # Playwright's own: of several such switches Chromium obeys the last.
    "AimEnabled",
    "AvoidCorsURLLoaderRestartOnRedirect",
    "AvoidUnnecessaryBeforeUnloadCheckSync",
    "DestroyProfileOnBrowserClose",
    "HttpsFirstBalancedModeAutoEnable",
    "HttpsUpgrades",
    "LensOverlay",
    "MediaRouter",
    "NetworkTimeServiceQuerying",
    "OptimizationHints",
    "PaintHolding",
    "PreconnectToSearch",
    "ThirdPartyStoragePartitioning",
]
SWITCHES = [
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--disable-dev-shm-usage",  # containers give /dev/shm too little room
    f"--disable-features={','.join(DISABLED_FEATURES)}",
]


@contextmanager
def headless_chromium() -> Iterator[Browser]:
    """Runs a browser for as long as the block lasts; the variable CHROMIUM names another one than the installed."""
    path = os.environ.get("CHROMIUM") or program(*PROGRAMS, package="chromium-headless-shell")
    # It refuses to sandbox itself as root.
    switches = [*SWITCHES, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=switches)
        try:
            yield browser
        finally:
            browser.close()


class SharedChromium:
    """One Chromium, and one Playwright, for all tests of a process: to start both takes longer than most tests.

    While Playwright runs, its event loop is the running loop of this thread. Django then refuses to use a database, and
    asyncio to run another loop. So that loop is the running one only while a test has the browser.
    """

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._browser: Browser | None = None
        self._resume: Callable[[], None] = lambda: None

    @contextmanager
    def lent(self) -> Iterator[Browser]:
        """Lends the browser to one test. The test after one that broke it gets another."""
        self._resume()
        try:
            if self._browser is None or not self._browser.is_connected():
                self._stack.close()
                self._browser = self._stack.enter_context(headless_chromium())
            yield self._browser
        finally:
            self._resume = without_running_loop()

    def close(self) -> None:
        self._resume()
        self._stack.close()


def without_running_loop() -> Callable[[], None]:
    """Leaves this thread without a running loop, and returns the function that undoes it."""
    loop, hooks = asyncio._get_running_loop(), sys.get_asyncgen_hooks()
    asyncio._set_running_loop(None)
    sys.set_asyncgen_hooks(None, None)

    def resume() -> None:
        asyncio._set_running_loop(loop)
        sys.set_asyncgen_hooks(*hooks)

    return resume
