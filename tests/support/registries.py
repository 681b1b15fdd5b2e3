"""What notifiers, kinds and channels of a test are registered in: put back as it was."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db.models.signals import post_delete, post_save, pre_delete, pre_save

from notifications import deletions, kinds, saves
from notifications.consumers.registry import _consumers
from notifications.notifiers import notifier
from notifications.subscriptions import permissions, subscribing
from orders.payments import providers

REGISTRIES: tuple[dict[Any, Any], ...] = (
    kinds._registry,
    deletions._keys_of_models,
    permissions._rules,
    subscribing._namers,
    providers.PROVIDERS,
    _consumers,
)
LISTS: tuple[list[Any], ...] = (subscribing._own_prefixes, notifier._connected)
SIGNALS = (pre_save, post_save, pre_delete, post_delete)


@contextmanager
def put_back() -> Iterator[None]:
    """Forgets at its end what was registered meanwhile."""
    # A list in a registry grows in its place.
    registries = [
        {name: list(entry) if isinstance(entry, list) else entry for name, entry in registry.items()}
        for registry in REGISTRIES
    ]
    lists = [list(entries) for entries in LISTS]
    watchers = {field: dict(acts) for field, acts in saves._watchers.items()}
    shared = set(subscribing._shared)
    receivers = [list(signal.receivers) for signal in SIGNALS]
    try:
        yield
    finally:
        for registry, before in zip(REGISTRIES, registries, strict=True):
            registry.clear()
            registry.update(before)
        for entries, known in zip(LISTS, lists, strict=True):
            entries[:] = known
        for field, acts in saves._watchers.items():
            # The receivers of the field refer to the dictionary.
            acts.clear()
            acts.update(watchers.get(field, {}))
        subscribing._shared.intersection_update(shared)
        for signal, connected in zip(SIGNALS, receivers, strict=True):
            signal.receivers[:] = connected
            signal.sender_receivers_cache.clear()
