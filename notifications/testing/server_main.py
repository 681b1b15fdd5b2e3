"""`python -m notifications.testing.server_main PORT DATABASES`: `serve` on the databases of a test run; see Streams."""

import json
import sys

import django


def main(port: str, databases: str) -> None:
    """Serves until SIGTERM. databases: alias → name, as JSON."""
    django.setup()
    from django.conf import settings
    from django.core.management import call_command
    from django.db import connections

    for alias, name in json.loads(databases).items():
        connections.settings[alias]["NAME"] = name
    settings.ALLOWED_HOSTS = [*settings.ALLOWED_HOSTS, "127.0.0.1"]
    call_command("serve", host="127.0.0.1", port=int(port))


if __name__ == "__main__":
    main(*sys.argv[1:])
