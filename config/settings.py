"""Settings. A checkout runs without any variable; environment variables configure the rest (README, "Settings")."""

from functools import partial
from pathlib import Path

import django
from django.utils.translation import gettext_lazy as _

from config import environment

BASE_DIR = Path(__file__).resolve().parent.parent

DEBUG = environment.read("DEBUG", environment.boolean, default=True)
CHECKOUT_SECRET = "insecure-checkout-key: set SECRET_KEY before anyone else can reach this site"  # noqa: S105
SECRET_KEY = environment.read("SECRET_KEY", str, default=CHECKOUT_SECRET)
if not DEBUG and SECRET_KEY == CHECKOUT_SECRET:
    environment.stop("SECRET_KEY", "must be set when DEBUG is off")
ALLOWED_HOSTS = environment.read(
    "ALLOWED_HOSTS", environment.words, default=[".localhost", "127.0.0.1", "[::1]"] if DEBUG else []
)
if not DEBUG and not ALLOWED_HOSTS:
    environment.stop("ALLOWED_HOSTS", "must be set when DEBUG is off")
REDIS_URL = environment.read("REDIS_URL", environment.redis_url, default="")

INSTALLED_APPS = [
    "daphne",  # first, so that runserver is Daphne's
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.humanize",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "channels",
    # Serves the scripts of the API's documentation from this site instead of from another one.
    "ninja",
    "django_eventstream",
    "config",
    "notifications",
    "orders",
    "blog",
]

MIDDLEWARE = [
    "notifications.middleware.trace_middleware",
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.csp.ContentSecurityPolicyMiddleware"
    if django.VERSION >= (6, 0)
    else "csp.middleware.CSPMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "notifications.middleware.private_middleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "notifications.middleware.cursor_middleware",
]

ROOT_URLCONF = "config.urls"
ASGI_APPLICATION = "config.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.debug",
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "notifications.context_processors.notifications",
            ],
        },
    },
]

DATABASES = {
    "default": environment.read(
        "DATABASE_URL",
        partial(environment.database, root=BASE_DIR),
        default=environment.database("sqlite:///db.sqlite3", BASE_DIR),
    )
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

CHANNEL_LAYERS = {
    "default": (
        {
            "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
            # A Redis that does not respond must not delay publishers.
            "CONFIG": {"hosts": [{"address": REDIS_URL, "socket_connect_timeout": 1, "socket_timeout": 5}]},
        }
        if REDIS_URL
        else {"BACKEND": "channels.layers.InMemoryChannelLayer"}
    )
}

EVENTSTREAM_CHANNELMANAGER_CLASS = "notifications.channelmanager.LogChannelManager"
EVENTSTREAM_STORAGE_CLASS = "notifications.storage.LogStorage"
# Pages of these origins may read streams with the user's cookie; pages of other origins may not.
EVENTSTREAM_ALLOW_ORIGINS: list[str] = environment.read("STREAM_ALLOWED_ORIGINS", environment.origins, default=[])
EVENTSTREAM_ALLOW_CREDENTIALS = bool(EVENTSTREAM_ALLOW_ORIGINS)

NOTIFICATIONS_METRICS_TOKEN = environment.read("METRICS_TOKEN", environment.token, default="")
NOTIFICATIONS_KEEP_DAYS = environment.read("KEEP_DAYS", environment.days, default=90)
NOTIFICATIONS_KEEP_UNREAD_DAYS = environment.read("KEEP_UNREAD_DAYS", environment.days, default=365)

# Digests of unread notifications. With DEBUG on they are printed; otherwise send_digests requires SITE_URL.
NOTIFICATIONS_SITE_URL = environment.read(
    "SITE_URL", environment.site_url, default="http://127.0.0.1:8000" if DEBUG else ""
)
NOTIFICATIONS_DIGEST_AFTER_MINUTES = environment.read("DIGEST_AFTER_MINUTES", environment.minutes, default=30)
NOTIFICATIONS_DIGEST_PAUSE_MINUTES = environment.read("DIGEST_PAUSE_MINUTES", environment.minutes, default=240)
DEFAULT_FROM_EMAIL = environment.read("EMAIL_FROM", environment.address, default="Tidings <tidings@localhost>")
_mail = environment.read(
    "EMAIL_URL", environment.email, default=environment.email("consolemail://" if DEBUG else "smtp://localhost:25")
)
if django.VERSION >= (6, 1):
    MAILERS = {"default": environment.mailer(_mail)}
else:
    EMAIL_BACKEND, EMAIL_HOST, EMAIL_PORT = _mail["EMAIL_BACKEND"], _mail["EMAIL_HOST"], _mail["EMAIL_PORT"]
    EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _mail["EMAIL_HOST_USER"], _mail["EMAIL_HOST_PASSWORD"]
    EMAIL_USE_TLS, EMAIL_USE_SSL = _mail.get("EMAIL_USE_TLS", False), _mail.get("EMAIL_USE_SSL", False)
    EMAIL_TIMEOUT = environment.MAIL_TIMEOUT

PAYMENT_WINDOW_SECONDS = environment.read("PAYMENT_WINDOW_SECONDS", environment.seconds, default=60)
CHECKOUT_CALLBACK_SECRET = "whsec_Y2hlY2tvdXQtb25seS1jYWxsYmFjay1zZWNyZXQ="  # noqa: S105
PAYMENT_CALLBACK_SECRETS = environment.read(
    "PAYMENT_CALLBACK_SECRETS", environment.webhook_secrets, default=[CHECKOUT_CALLBACK_SECRET] if DEBUG else []
)
if not PAYMENT_CALLBACK_SECRETS:
    environment.stop("PAYMENT_CALLBACK_SECRETS", "must be set when DEBUG is off")
# Refused callbacks of one address within a minute; beyond them it gets 429 for the rest of the minute.
PAYMENT_REFUSALS_PER_MINUTE = 600
# The demo's wallet pays by a click, so it must be off where money is real.
PAYMENT_DEMO_WALLET = DEBUG

AUTHENTICATION_BACKENDS = ["config.login.LimitedBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "dashboard"
LOGOUT_REDIRECT_URL = "dashboard"

LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("zh-hans", _("Simplified Chinese"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True

# Resources come from this site only, nothing inline; no other site may frame a page.
SECURE_CSP = {
    "default-src": ["'self'"],
    "img-src": ["'self'", "data:"],
    "base-uri": ["'none'"],
    "form-action": ["'self'"],
    "frame-ancestors": ["'none'"],
    "object-src": ["'none'"],
}
# The name in django-csp, before Django 6.0.
CONTENT_SECURITY_POLICY = {"DIRECTIVES": SECURE_CSP}

# With DEBUG off the site is served by HTTPS, unless HTTPS=0 (a test on loopback).
HTTPS = environment.read("HTTPS", environment.boolean, default=not DEBUG)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
# Load balancers and scrapers use plain HTTP.
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
# The number of proxies whose reports of a client's address are trusted (orders/addresses.py).
TRUSTED_PROXIES = environment.read("BEHIND_PROXY", environment.proxies, default=0)
if TRUSTED_PROXIES:
    # The proxy must set this header itself and discard the client's (docs/design.md, "Behind a proxy").
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"

STATIC_URL = "static/"
STATIC_ROOT = environment.read("STATIC_ROOT", Path, default=BASE_DIR / "staticfiles")
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": (
            "django.contrib.staticfiles.storage.StaticFilesStorage" if DEBUG else "config.static.BundledStorage"
        )
    },
}
# In a checkout, files are served from the apps; with DEBUG off, from STATIC_ROOT, which `collectstatic` fills.
WHITENOISE_USE_FINDERS = DEBUG
WHITENOISE_AUTOREFRESH = DEBUG

LOGGING = {
    "version": 1,
    # Django's default of True disables daphne.server, whose loggers exist before this is read.
    "disable_existing_loggers": False,
    "filters": {
        "outage": {"()": "config.outages.OnceAnOutage"},
        "trace": {"()": "notifications.tracing.TraceFilter"},
    },
    "formatters": {
        "plain": {"format": "{asctime} {levelname} {name}{worker} {trace}: {message}", "style": "{"},
        # A line also has the keys of its call's `extra`, such as `stream`.
        "json": {
            "()": "config.json_logs.JsonLines",
            "fmt": ["asctime", "levelname", "name", "trace", "message"],
            "rename_fields": {"asctime": "time", "levelname": "level", "name": "logger", "exc_info": "error"},
            "json_ensure_ascii": False,
        },
    },
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": environment.read("LOG_FORMAT", environment.one_of("plain", "json"), default="plain"),
            "filters": ["trace"],
        },
        "recent": {"class": "notifications.monitoring.RecentErrors", "level": "WARNING"},
    },
    "root": {
        "handlers": ["console", "recent"],
        "level": environment.read(
            "LOG_LEVEL", environment.one_of("debug", "info", "warning", "error"), default="info"
        ).upper(),
    },
    "loggers": {
        "django": {"handlers": [], "level": "INFO"},
        # At INFO it logs one line for each opened stream.
        "django_eventstream": {"level": "WARNING"},
        "daphne": {"level": "WARNING"},
        # During an outage of Redis each of them logs every second or two, some with a traceback.
        "channels_redis.pubsub": {"filters": ["outage"]},
        "notifications.tail": {"filters": ["outage"]},
        "notifications.wake": {"filters": ["outage"]},
        # At INFO it logs one line for each connection that the pool opens.
        "psycopg.pool": {"level": "WARNING"},
    },
}
