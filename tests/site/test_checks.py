"""What `manage.py check` finds."""

import copy

import pytest
from django.core.checks import run_checks

from tests.support.services import Site

# Since Django 6.1 the checks of the models ask SQLite whether it has JSON.
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def as_in_a_checkout(settings):
    """The test runner turns DEBUG off, which a checkout has on."""
    settings.DEBUG = True


def found() -> set[str]:
    return {message.id for message in run_checks() if message.id}


def test_the_site_as_it_is_has_nothing_to_find():
    assert found() == set()


def database(settings, **changes):
    settings.DATABASES = {**settings.DATABASES, "default": {**settings.DATABASES["default"], **changes}}


@pytest.mark.filterwarnings("ignore:Overriding setting DATABASES")
def test_atomic_requests_and_kept_connections_are_found(settings):
    database(settings, ATOMIC_REQUESTS=True, CONN_MAX_AGE=60)
    assert found() == {"notifications.E001", "notifications.E002"}


@pytest.mark.filterwarnings("ignore:Overriding setting DATABASES")
def test_sqlite_without_immediate_transactions_is_found(settings):
    database(settings, ENGINE="django.db.backends.sqlite3", OPTIONS={"timeout": 20})
    assert found() == {"notifications.E003"}


@pytest.mark.filterwarnings("ignore:Overriding setting DATABASES")
@pytest.mark.parametrize("engine", ["mysql", "oracle"])
def test_a_database_that_the_log_does_not_run_on_is_refused(settings, engine):
    database(settings, ENGINE=f"django.db.backends.{engine}")
    (message,) = [message for message in run_checks() if message.id == "notifications.E017"]
    assert message.msg == f"DATABASES['default']: the log runs on SQLite and PostgreSQL, not on {engine}."


@pytest.mark.parametrize(
    ("setting", "value", "number"),
    [
        ("ASGI_APPLICATION", None, "notifications.E004"),
        ("WSGI_APPLICATION", "config.wsgi.application", "notifications.W005"),
        (
            "EVENTSTREAM_CHANNELMANAGER_CLASS",
            "django_eventstream.channelmanager.DefaultChannelManager",
            "notifications.E007",
        ),
        ("EVENTSTREAM_CHANNELMANAGER_CLASS", "no.such.Class", "notifications.E007"),
        ("EVENTSTREAM_STORAGE_CLASS", "django_eventstream.storage.DjangoModelStorage", "notifications.E008"),
        ("EVENTSTREAM_STORAGE_CLASS", None, "notifications.E008"),
        ("EVENTSTREAM_REDIS", {"host": "127.0.0.1"}, "notifications.W017"),
        ("EVENTSTREAM_ALLOW_ORIGIN", "*", "notifications.W018"),
        ("EVENTSTREAM_ALLOW_ORIGINS", ["*"], "notifications.W018"),
        ("REDIS_URL", "redis://127.0.0.1:6379/0", "notifications.E009"),
    ],
)
def test_a_wrong_setting_is_found(settings, setting, value, number):
    setattr(settings, setting, value)
    assert number in found()


@pytest.mark.parametrize("engine", ["cache", "cached_db"])
def test_sessions_in_the_memory_of_one_process_are_found(settings, engine):
    settings.SESSION_ENGINE = f"django.contrib.sessions.backends.{engine}"
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    assert found() == {"notifications.W019"}
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.filebased.FileBasedCache", "LOCATION": "/x"}}
    assert found() == set()


@pytest.mark.parametrize("module", ["notifications.urls", "django.contrib.auth.urls"])
def test_an_address_that_leads_nowhere_is_found(settings, module):
    """The app's own addresses without its API; and a site with neither."""
    settings.ROOT_URLCONF = module
    assert "notifications.E011" in found()


def test_a_missing_middleware_is_found(settings):
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if "cursor" not in name]
    assert found() == {"notifications.E012"}


def test_gzip_over_streams_is_found(settings):
    settings.MIDDLEWARE = ["django.middleware.gzip.GZipMiddleware", *settings.MIDDLEWARE]
    assert found() == {"notifications.W006"}


def test_several_processes_that_cannot_wake_each_other_are_found(settings, monkeypatch):
    monkeypatch.setenv("WEB_CONCURRENCY", "4")
    assert found() == set()
    settings.NOTIFICATIONS_WAKE_PROCESSES = False
    assert found() == {"notifications.W010"}
    settings.CHANNEL_LAYERS = copy.deepcopy(settings.CHANNEL_LAYERS)
    settings.CHANNEL_LAYERS["default"] = {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": ["redis://127.0.0.1:1/0"]},
    }
    assert found() == set()


def test_the_checkouts_secrets_are_found_where_debug_is_off(settings):
    settings.DEBUG = False
    settings.SECRET_KEY = settings.CHECKOUT_SECRET
    settings.PAYMENT_CALLBACK_SECRETS = ["whsec_" + "QUJD" * 10, settings.CHECKOUT_CALLBACK_SECRET]
    settings.PAYMENT_DEMO_WALLET = True
    assert found() == {"site.E001", "site.E002", "site.E003"}


PRODUCTION = {
    "DEBUG": "0",
    "SECRET_KEY": "x7Kq2mVfWc9RzT4bYnH8sLpJ3gDaE6uQ-w5XrB1iNoZtUvCyMhPkFjSlGe0A",
    "ALLOWED_HOSTS": "shop.example",
    "PAYMENT_CALLBACK_SECRETS": "whsec_" + "QUJD" * 10,
}


def test_the_documented_production_settings_are_clean_by_djangos_own_measure(tmp_path):
    site = Site(tmp_path, f"sqlite:///{tmp_path}/none.sqlite3", env=PRODUCTION)
    done = site.manage("check", "--deploy", "--fail-level", "WARNING")
    assert "no issues (0 silenced)" in done.stdout
