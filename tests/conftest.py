"""Fixtures: real servers, the site as processes of its own, a browser."""

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.contenttypes.management import create_contenttypes
from django.contrib.contenttypes.models import ContentType
from django.db.models.signals import post_migrate
from playwright.sync_api import Browser, Page

from tests.support.browsers import SharedChromium, headless_chromium
from tests.support.people import person
from tests.support.services import SQLITE, PostgresServer, RedisServer, Site

# What other sites have by the wheel's entry point.
pytest_plugins = ["notifications.pytest_plugin"]

# Whoever asks for one of these works with processes that have a database of their own.
SERVERS = {"site", "demo_site", "site_factory", "postgres_server", "redis_server"}
# What takes seconds: these, browsers, servers of a project under test, and the wheel with a site made from it.
SLOW = SERVERS | {"shared_chromium", "launch_chromium", "sse_client", "wheel"}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the options of tests/support/on_postgresql.py and of `make test-fast`."""
    parser.addoption("--in-process", action="store_true", help="leave out tests that start servers of their own")
    parser.addoption("--fast", action="store_true", help="leave out tests with any server, a browser or the wheel")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Returns the number of processors: with twice as many, browsers on two processors miss the times that are tested."""
    return os.cpu_count() or 1


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Returns what divides the tests among parallel workers."""
    from tests.support.scheduling import Scheduling

    return Scheduling(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out what --in-process and --fast leave out, and orders the rest for parallel workers."""
    unwanted = SLOW if config.getoption("--fast") else SERVERS if config.getoption("--in-process") else set()
    on_postgresql = settings.DATABASES["default"]["ENGINE"].endswith("postgresql")
    left_out = [
        item
        for item in items
        if unwanted & fixtures_of(item) or item.get_closest_marker("sqlite" if on_postgresql else "postgresql")
    ]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]
    # The long tests first, so that no worker is left with one when the others are through.
    items.sort(key=length, reverse=True)


def fixtures_of(item: pytest.Item) -> set[str]:
    return set(getattr(item, "fixturenames", ()))


def length(item: pytest.Item) -> tuple[float, bool]:
    """Sorts tests by how long they may take: by their own limit of time, then those with servers before those without."""
    limit = item.get_closest_marker("timeout")
    return (limit.args[0] if limit else 0, bool(SERVERS & fixtures_of(item)))


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings_parallel_suffix: None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Tests on SQLite use a file, as the site does: in memory, threads would share one connection and its locks."""
    default = settings.DATABASES["default"]
    if default["ENGINE"].endswith("sqlite3"):
        default.setdefault("TEST", {})["NAME"] = str(tmp_path_factory.mktemp("django") / "test.sqlite3")


@pytest.fixture(scope="session", autouse=True)
def channel_layer_of_this_worker(worker_id: str) -> None:
    """Keeps the workers of one run apart in the Redis that they share: pub/sub takes no notice of its databases."""
    layers: dict[str, Any] = settings.CHANNEL_LAYERS
    for layer in layers.values():
        if layer["BACKEND"].startswith("channels_redis."):
            layer["CONFIG"]["prefix"] = worker_id


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None) -> None:
    """Emptying the tables after each test would make all permissions anew, which takes longer than most tests."""
    assert post_migrate.disconnect(dispatch_uid="django.contrib.auth.management.create_permissions")
    assert post_migrate.disconnect(create_contenttypes)


@pytest.fixture(autouse=True)
def no_stale_content_types() -> None:
    """What was made for one test is gone from the database in the next: it must not be remembered either."""
    ContentType.objects.clear_cache()


@pytest.fixture
def alice() -> User:
    return person("alice")


@pytest.fixture
def bob() -> User:
    return person("bob")


@pytest.fixture
def charlie() -> User:
    return person("charlie")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    server = PostgresServer()
    try:
        yield server
    finally:
        server.close()


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
def engine(request: pytest.FixtureRequest) -> str:
    """What `site` and `demo_site` run on; both: `parametrize("engine", [SQLITE, POSTGRESQL], indirect=True)`."""
    return getattr(request, "param", SQLITE)


class SiteFactory:
    """Makes sites from databases that are migrated, and seeded, once per session and engine."""

    def __init__(self, request: pytest.FixtureRequest, folder: Path):
        self.request = request
        self.folder = folder
        self.templates: dict[tuple[str, bool], str] = {}
        self.made = 0

    @property
    def postgres(self) -> PostgresServer:
        # Asked for late: a test on SQLite neither needs nor awaits the server.
        return self.request.getfixturevalue("postgres_server")

    def make(self, engine: str, seeded: bool, folder: Path) -> Site:
        template = self.templates.get((engine, seeded)) or self._prepare(engine, seeded)
        self.made += 1
        if engine == SQLITE:
            path = folder / "site.sqlite3"
            shutil.copy(template, path)
            return Site(folder, f"sqlite:///{path}")
        url = self.postgres.create_database(f"site_{self.made}", template)
        return Site(folder, url, redis_url=self.request.getfixturevalue("redis_server").url)

    def _prepare(self, engine: str, seeded: bool) -> str:
        name = f"template_{'seeded' if seeded else 'migrated'}"
        path = self.folder / f"{name}.sqlite3"
        url = f"sqlite:///{path}" if engine == SQLITE else self.postgres.create_database(name)
        site = Site(self.folder, url)
        site.migrate()
        if seeded:
            site.manage("seed_demo")
        if engine == SQLITE:
            # Into the one file that is copied, whatever the journal mode.
            with closing(sqlite3.connect(path)) as connection:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self.templates[engine, seeded] = str(path) if engine == SQLITE else name
        return self.templates[engine, seeded]


@pytest.fixture(scope="session")
def site_factory(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> SiteFactory:
    return SiteFactory(request, tmp_path_factory.mktemp("templates"))


@pytest.fixture
def site(site_factory: SiteFactory, engine: str, tmp_path: Path) -> Iterator[Site]:
    """A migrated, empty site; its servers are ended with the test."""
    made = site_factory.make(engine, seeded=False, folder=tmp_path)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def demo_site(site_factory: SiteFactory, engine: str, tmp_path: Path) -> Iterator[Site]:
    """A site with the demo people in it; its servers are ended with the test."""
    made = site_factory.make(engine, seeded=True, folder=tmp_path)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def launch_chromium() -> Callable[[], AbstractContextManager[Browser]]:
    """Runs a headless Chromium for as long as a block lasts."""
    return headless_chromium


@pytest.fixture(scope="session")
def shared_chromium() -> Iterator[SharedChromium]:
    made = SharedChromium()
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def chromium(shared_chromium: SharedChromium) -> Iterator[Browser]:
    """A headless Chromium with no page open; each test makes profiles of its own."""
    with shared_chromium.lent() as browser:
        yield browser
        for context in browser.contexts:
            context.close()


@pytest.fixture
def browser_page(chromium: Browser) -> Iterator[Callable[..., Page]]:
    """Returns a factory of pages, each in a fresh profile; a script error on any of them fails the test.

    Its arguments are those of Playwright's `new_context`: locale, viewport, color_scheme, java_script_enabled, ...
    """
    errors: list[str] = []

    def new_page(**options: Any) -> Page:
        defaults: dict[str, Any] = {
            "locale": "en-GB",
            "viewport": {"width": 1280, "height": 800},
            "color_scheme": "light",
        }
        context = chromium.new_context(**defaults | options)
        context.set_default_timeout(30_000)
        context.on("weberror", lambda error: errors.append(str(error.error)))
        return context.new_page()

    yield new_page
    for context in chromium.contexts:
        context.close()
    assert not errors, errors
