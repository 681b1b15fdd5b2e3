"""Kinds of sites, and a site of a kind: what their authors wrote before they followed docs/integrating.md."""

import re
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tests.integration.foreign import MAIL, ForeignSite
from tests.support.documents import blocks
from tests.support.sse import login

# A user without `username`, as many sites have: the email is the name, and there is no AbstractUser.
PERSON = """
from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.db import models


class People(BaseUserManager):
    def create_superuser(self, email, password):
        person = self.model(email=email, is_staff=True, is_superuser=True)
        person.set_password(password)
        person.save()
        return person


class Person(AbstractBaseUser, PermissionsMixin):
    email = models.EmailField(unique=True)
    is_staff = models.BooleanField(default=False)
    is_active = models.BooleanField(default=True)
    objects = People()
    USERNAME_FIELD = "email"
"""
CACHE = """
CACHES = {"default": {"BACKEND": "django.core.cache.backends.filebased.FileBasedCache", "LOCATION": BASE_DIR / "cache"}}
"""
ALLAUTH = """
INSTALLED_APPS += ["allauth", "allauth.account"]
MIDDLEWARE += ["allauth.account.middleware.AccountMiddleware"]
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend", "allauth.account.auth_backends.AuthenticationBackend"]
ACCOUNT_EMAIL_VERIFICATION = "none"
""" + MAIL.format(backend="dummy")
ALLAUTH_URLS = """
urlpatterns += [path("accounts/", include("allauth.urls"))]
"""
REST_URLS = """
from rest_framework.decorators import api_view
from rest_framework.response import Response


@api_view(["POST"])
def invoice(request):
    from invoices.models import Invoice

    return Response({"number": Invoice.objects.create(customer=request.user, number=request.data["number"]).number})


urlpatterns += [path("rest/invoices/", invoice)]
"""
# A page that changes the session, as the messages of Django do.
TOUCH_URLS = """
from django.http import HttpResponse


def touch(request):
    request.session["seen"] = request.session.get("seen", 0) + 1
    return HttpResponse()


urlpatterns += [path("touch/", touch)]
"""
CONSUMERS = """
from channels.generic.websocket import AsyncWebsocketConsumer


class Echo(AsyncWebsocketConsumer):
    async def receive(self, text_data=None, bytes_data=None):
        await self.send(f"{self.scope['user']}: {text_data}")
"""
ASGI = """
import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mysite.settings")
pages = get_asgi_application()

from channels.auth import AuthMiddlewareStack
from channels.routing import URLRouter
from django.urls import path
from mysite.consumers import Echo
from notifications.routing import with_streams

application = with_streams(pages, websocket=AuthMiddlewareStack(URLRouter([path("echo/", Echo.as_asgi())])))
"""
EVENTSTREAM = """
INSTALLED_APPS += ["django_eventstream"]
EVENTSTREAM_ALLOW_ORIGIN = "https://friend.example"
"""
EVENTSTREAM_URLS = """
import django_eventstream
urlpatterns += [path("mine/<user>/", include("django_eventstream.urls"), {"format-channels": ["user:{user}"]})]
"""
SAVE = """
from django.contrib.auth import get_user_model
from invoices.models import Invoice
Invoice.objects.create(customer=get_user_model()._default_manager.get_by_natural_key({name!r}), number={number})
"""


@dataclass
class Kind:
    """A kind of site. settings, urls: lines before those of the document; files: by path."""

    settings: str = ""
    urls: str = ""
    files: dict[str, str] = field(default_factory=dict)
    name: str = "alice"
    login: str = "/admin/login/"
    logout: str = "/admin/logout/"
    # The name of the field in the form of log-in.
    field: str = "username"
    prefix: str = ""
    html: str = '<html lang="en-us" dir="ltr">'


KINDS = {
    "without username": Kind(
        settings='INSTALLED_APPS = ["people", *INSTALLED_APPS]\nAUTH_USER_MODEL = "people.Person"\n',
        files={"people/__init__.py": "", "people/models.py": PERSON},
        name="alice@shop.example",
    ),
    "sessions in the cache": Kind(settings=f'{CACHE}SESSION_ENGINE = "django.contrib.sessions.backends.cache"\n'),
    "sessions in cached_db": Kind(settings=f'{CACHE}SESSION_ENGINE = "django.contrib.sessions.backends.cached_db"\n'),
    "sessions in signed cookies": Kind(
        settings='SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"\n', urls=TOUCH_URLS
    ),
    "django-allauth": Kind(
        settings=ALLAUTH, urls=ALLAUTH_URLS, login="/accounts/login/", logout="/accounts/logout/", field="login"
    ),
    "Django REST framework": Kind(settings='INSTALLED_APPS += ["rest_framework"]\n', urls=REST_URLS),
    "FORCE_SCRIPT_NAME": Kind(settings='FORCE_SCRIPT_NAME = "/shop"\n', prefix="/shop"),
    "django-eventstream": Kind(settings=EVENTSTREAM, urls=EVENTSTREAM_URLS),
    "WebSockets": Kind(
        settings='INSTALLED_APPS += ["channels"]\nASGI_APPLICATION = "mysite.asgi.application"\n',
        files={"mysite/consumers.py": CONSUMERS, "mysite/asgi.py": ASGI},
    ),
    "USE_I18N off": Kind(settings="USE_I18N = False\n"),
    "German": Kind(settings='LANGUAGE_CODE = "de"\n', html='<html lang="de" dir="ltr">'),
    "Arabic": Kind(settings='LANGUAGE_CODE = "ar"\n', html='<html lang="ar" dir="rtl">'),
}


@dataclass
class Made:
    site: ForeignSite
    kind: Kind

    def save(self, number: int) -> None:
        self.site.shell(SAVE.format(name=self.kind.name, number=number))

    def enter(self, base_url: str) -> httpx.Client:
        """Logs in by the site's own form."""
        if self.kind.field == "username":
            return login(base_url, self.kind.name, path=self.kind.prefix + self.kind.login)
        client = httpx.Client(base_url=base_url, trust_env=False, timeout=30, headers={"Referer": base_url})
        page = client.get(self.kind.login)
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
        assert token, page.text
        form = {"csrfmiddlewaretoken": token[1], self.kind.field: self.kind.name, "password": "demo"}
        assert client.post(self.kind.login, data=form).status_code == 302
        return client


def made(packages: Path, folder: Path, kind: Kind) -> ForeignSite:
    site = ForeignSite(folder, packages)
    for path, text in kind.files.items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text(text)
    with (folder / "mysite" / "settings.py").open("a") as settings:
        settings.write(kind.settings)
    for block in blocks("integrating.md")[:5]:
        site.follow(block)
    with (folder / "mysite" / "urls.py").open("a") as urls:
        urls.write(kind.urls)
    site.run("manage.py", "makemigrations", *(["people"] if "people.Person" in kind.settings else []), "invoices")
    site.run("manage.py", "migrate", "--verbosity", "0")
    email = "" if "people.Person" in kind.settings else "None, "
    site.shell(
        "from django.contrib.auth import get_user_model\n"
        f"for name in ({kind.name!r}, {kind.name.replace('alice', 'bob')!r}):\n"
        f"    get_user_model().objects.create_superuser(name, {email}'demo')\n"
    )
    return site
