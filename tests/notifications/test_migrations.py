"""The rows of earlier releases are what they must be in this one."""

import re

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from notifications import log

pytestmark = pytest.mark.django_db(transaction=True)


def migrated(name: str):
    """Brings the tables to a migration, and returns its models."""
    executor = MigrationExecutor(connection)
    executor.migrate([("notifications", name)])
    return executor.loader.project_state([("notifications", name)]).apps


def test_the_head_of_the_release_before_gets_an_epoch_and_keeps_its_position():
    [latest] = [name for app, name in MigrationExecutor(connection).loader.graph.leaf_nodes() if app == "notifications"]
    try:
        heads = migrated("0006_retraction").get_model("notifications", "Head").objects
        heads.update_or_create(pk=1, defaults={"position": 7, "horizon": 3})
    finally:
        migrated(latest)
    assert log.bounds()[:2] == (7, 3)
    assert re.fullmatch("[a-z0-9]{8}", log.bounds().epoch)
