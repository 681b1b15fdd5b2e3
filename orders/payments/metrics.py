"""Prometheus metrics of payments (docs/operating.md lists the names)."""

from prometheus_client import Counter

CALLBACKS = Counter("payments_callbacks_total", "Callbacks of payment providers.", ("provider", "outcome"))
