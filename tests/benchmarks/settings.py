"""This project's own settings, plus the publisher of the benchmark."""

from config.settings import *  # noqa: F403

ROOT_URLCONF = "tests.benchmarks.urls"
