"""Debian's Chromium, driven by Playwright."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

from tests.support.processes import program

SWITCHES = [
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--disable-dev-shm-usage",  # containers give /dev/shm too little room
]


@contextmanager
def headless_chromium() -> Iterator[Browser]:
    """Runs a browser for as long as the block lasts; the variable CHROMIUM names another one than the installed."""
    path = os.environ.get("CHROMIUM") or program("chromium", "chromium-browser", "google-chrome", package="chromium")
    # It refuses to sandbox itself as root.
    switches = [*SWITCHES, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=switches)
        try:
            yield browser
        finally:
            browser.close()
