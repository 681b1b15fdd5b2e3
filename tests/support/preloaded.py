"""The packages that a fork finds imported (forks.py).

Not among them: packages that need Django's settings when they are imported, such as modules with models and ninja, and
daphne.server, which installs a reactor: two processes would share its epoll.
"""

import gc
import importlib

PACKAGES = [
    "asgiref.sync",
    "autobahn.twisted.websocket",
    "channels.layers",
    "cryptography.x509",
    "django.contrib.admin.options",
    "django.contrib.staticfiles.finders",
    "django.core.mail",
    "django.core.management",
    "django.core.management.commands.migrate",
    "django.core.management.commands.shell",
    "django.core.servers.basehttp",
    "django.db.backends.postgresql.base",
    "django.db.backends.sqlite3.base",
    "django.test",
    "django.views.generic",
    "environ",
    "gripcontrol",
    "prometheus_client",
    "psycopg_pool",
    "pydantic",
    "redis.asyncio",
    "segno",
    "standardwebhooks",
    "tqdm",
    "twisted.internet.asyncioreactor",
    "twisted.internet.endpoints",
    "twisted.web.http",
    "whitenoise",
]

for name in PACKAGES:
    importlib.import_module(name)
# A collection would look at all of these objects in each fork, and so copy their pages.
gc.freeze()
