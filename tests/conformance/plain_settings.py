"""The benchmark's plain django-eventstream project, with a publisher that takes data as it is."""

from plain.settings import *  # type: ignore[import-not-found]  # noqa: F403  it is on the path where it runs

ROOT_URLCONF = "tests.conformance.plain_urls"
