"""The packages that a fork finds imported (forks.py).

Not among them: packages that need Django's settings when they are imported, such as modules with models and ninja, and
daphne.server, which installs a reactor: two processes would share its epoll.
"""

import gc
import importlib
import sys
from pathlib import Path

PACKAGES = [
    "asgiref.sync",
    "autobahn.twisted.websocket",
    "channels.layers",
    "channels.routing",
    "cryptography.x509",
    "csp.middleware",
    "django.contrib.admin.options",
    "django.contrib.auth.password_validation",
    "django.contrib.messages.middleware",
    "django.contrib.sessions.backends.db",
    "django.contrib.sessions.middleware",
    "django.contrib.staticfiles.finders",
    "django.contrib.staticfiles.storage",
    "django.contrib.staticfiles.views",
    "django.core.mail.backends.smtp",
    "django.core.management",
    "django.core.management.commands.migrate",
    "django.core.management.commands.shell",
    "django.core.servers.basehttp",
    "django.db.backends.postgresql.base",
    "django.db.backends.sqlite3.base",
    "django.middleware.clickjacking",
    "django.middleware.common",
    "django.middleware.locale",
    "django.middleware.security",
    "django.test",
    "django.views.defaults",
    "django.views.generic",
    "environ",
    "gripcontrol",
    "limits.aio.storage",
    "prometheus_client",
    "psycopg_pool",
    "pydantic.dataclasses",
    "pydantic.networks",
    "pydantic.type_adapter",
    "pythonjsonlogger.json",
    "redis.asyncio",
    "segno",
    "standardwebhooks",
    "tqdm",
    "twisted.internet.asyncioreactor",
    "twisted.internet.endpoints",
    "twisted.web.http",
    "whitenoise.middleware",
]

for name in PACKAGES:
    importlib.import_module(name)
if sys.dont_write_bytecode:
    # Each fork would compile the project anew, which takes a tenth of a second.
    sys.dont_write_bytecode = False
    sys.pycache_prefix = str(Path(__file__).resolve().parents[2] / ".pytest_cache" / "bytecode")
# A collection would look at all of these objects in each fork, and so copy their pages.
gc.freeze()
