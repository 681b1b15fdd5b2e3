"""Sites that lack what streams need are told what, and how to put it right."""

import pytest

from tests.integration.foreign import ForeignSite
from tests.support.documents import blocks

BARE = """
INSTALLED_APPS += ["notifications"]
"""


@pytest.fixture
def bare_site(packages, tmp_path):
    """A site that has put the app into INSTALLED_APPS, and done nothing else."""
    site = ForeignSite(tmp_path, packages)
    with (tmp_path / "mysite" / "settings.py").open("a") as settings:
        settings.write(BARE)
    return site


def test_a_site_with_wsgi_alone_is_told_what_to_do(bare_site):
    done = bare_site.run("manage.py", "check", check=False)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    for number in ("E003", "E004", "E007", "E008", "E011", "E012"):
        assert f"notifications.{number}" in done.stderr
    assert "under WSGI there are no streams" in done.stderr
    assert 'Set ASGI_APPLICATION = "notifications.asgi.application"' in done.stderr
    assert 'include("notifications.all_urls")' in done.stderr


def test_serve_refuses_such_a_site_with_the_same_words(bare_site):
    done = bare_site.run("manage.py", "serve", check=False)
    assert done.returncode == 1
    assert "notifications.E004" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("package", ["channels", "django_eventstream"])
def test_a_site_without_a_package_is_told_which(bare_site, tmp_path, package):
    (tmp_path / "without").mkdir()
    (tmp_path / "without" / "sitecustomize.py").write_text(f"import sys\nsys.modules[{package!r}] = None\n")
    # A fork has the package already.
    bare_site.forks = False
    bare_site.environment["PYTHONPATH"] += f":{tmp_path / 'without'}"
    done = bare_site.run("manage.py", "check", check=False)
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert f"notifications needs {package}, which is not installed" in last
    assert "install django-live-notifications with its dependencies" in last


def test_what_a_site_says_itself_stays(bare_site, tmp_path):
    with (tmp_path / "mysite" / "settings.py").open("a") as settings:
        settings.write(
            'ASGI_APPLICATION = "mysite.asgi.application"\n'
            'DATABASES["default"]["OPTIONS"] = {"timeout": 3}\n'
            "from notifications.defaults import configure\n"
            "configure(globals())\n"
            "configure(globals())\n"
        )
    code = (
        "from django.conf import settings as s; from collections import Counter; "
        "print(s.ASGI_APPLICATION, s.DATABASES['default']['OPTIONS']['timeout'],"
        " s.DATABASES['default']['OPTIONS']['transaction_mode'], max(Counter(s.INSTALLED_APPS).values()),"
        " max(Counter(s.MIDDLEWARE).values()), s.INSTALLED_APPS[0])"
    )
    assert bare_site.shell(code).split() == ["mysite.asgi.application", "3", "IMMEDIATE", "1", "1", "daphne"]


OWN_API = """
from ninja import NinjaAPI

own = NinjaAPI(title="Shop", urls_namespace="api")


@own.get("hello")
def hello(request):
    return {"hello": "shop"}


urlpatterns += [path("shop-api/", own.urls)]
"""


def test_a_site_may_have_an_api_of_its_own_under_that_name(packages, tmp_path):
    site = ForeignSite(tmp_path, packages)
    for block in blocks("integrating.md")[:5]:
        site.follow(block)
    with (tmp_path / "mysite" / "urls.py").open("a") as urls:
        urls.write(OWN_API)
    site.run("manage.py", "makemigrations", "invoices")
    site.run("manage.py", "migrate", "--verbosity", "0")
    assert "notifications.E" not in site.run("manage.py", "check").stderr
    code = (
        "from django.test import Client\n"
        "from django.urls import reverse\n"
        "print(reverse('api:hello'), reverse('notifications_api:api-root'))\n"
        "client = Client(headers={'host': 'localhost'})\n"
        "print(client.get('/shop-api/hello').json(), client.get('/api/openapi.json').json()['info']['title'])\n"
    )
    assert site.shell(code).splitlines() == ["/shop-api/hello /api/", "{'hello': 'shop'} Notifications"]
