"""What keeps strangers out of the pages: policy, cookies, guessing."""

import pytest
from django.core.cache import cache

from blog.models import Post
from config import login
from orders.limits import FailureLimit
from tests.site.test_checks import PRODUCTION
from tests.support.people import order, person, product
from tests.support.services import Site

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def nothing_counted():
    cache.clear()


@pytest.fixture
def alice():
    user = person("alice")
    user.set_password("correct horse")
    user.save()
    return user


def attempt(client, password: str, name: str = "alice", **extra):
    return client.post("/accounts/login/", {"username": name, "password": password}, **extra)


def test_every_page_forbids_what_is_inline_and_every_frame(client, alice):
    client.force_login(alice)
    for path in ("/", "/notifications/", "/products/", "/posts/", "/accounts/login/", "/nowhere/"):
        policy = client.get(path).headers["Content-Security-Policy"]
        assert "default-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy


def test_guessing_ends_in_a_pause_that_the_right_password_does_not_end(client, alice):
    for _ in range(login.BY_NAME.most):
        assert attempt(client, "wrong").status_code == 200
    answer = attempt(client, "correct horse")
    assert answer.status_code == 200
    assert "Too many attempts" in answer.content.decode()
    assert "_auth_user_id" not in client.session
    # Whoever comes from elsewhere, or as somebody else, is not held up.
    assert attempt(client, "correct horse", REMOTE_ADDR="192.0.2.7").status_code == 302


def test_a_log_in_forgives_what_went_before(client, alice):
    for _ in range(3):
        for _ in range(login.BY_NAME.most - 1):
            attempt(client, "wrong")
        assert attempt(client, "correct horse").status_code == 302
        client.logout()


def test_guessing_many_names_from_one_address_ends_too(client, alice, monkeypatch):
    monkeypatch.setattr(login, "BY_ADDRESS", FailureLimit("login.address", most=5, seconds=60))
    for number in range(5):
        attempt(client, "wrong", f"nobody-{number}")
    assert "Too many attempts" in attempt(client, "correct horse").content.decode()


def test_the_admin_has_no_log_in_of_its_own(client):
    answer = client.get("/admin/", follow=True)
    assert answer.redirect_chain[-1][0] == "/accounts/login/?next=%2Fadmin%2F"


def test_with_debug_off_cookies_are_for_https_alone_and_http_is_sent_there(site: Site, tmp_path):
    site.environment |= {**PRODUCTION, "ALLOWED_HOSTS": "127.0.0.1", "STATIC_ROOT": str(tmp_path / "static")}
    site.manage("collectstatic", "--noinput", "--verbosity", "0")
    server = site.serve()
    import httpx

    with httpx.Client(trust_env=False) as client:
        answer = client.get(f"{server.url}/accounts/login/")
        assert (answer.status_code, answer.headers["location"]) == (
            301,
            f"https://127.0.0.1:{server.port}/accounts/login/",
        )
        site.environment["BEHIND_PROXY"] = "1"
        behind = site.serve()
        answer = client.get(f"{behind.url}/accounts/login/", headers={"X-Forwarded-Proto": "https"})
        assert answer.status_code == 200
        assert "Secure" in answer.headers["set-cookie"]
        assert "max-age=31536000" in answer.headers["strict-transport-security"]


def test_no_cache_keeps_what_is_a_persons_own(client, alice):
    shop = product(alice)
    placed = order(alice, shop)
    post = Post.objects.create(author=alice, title="Hello", status=Post.Status.PUBLISHED)
    own = [
        *("/", "/notifications/", "/notifications/preferences/", "/orders/", placed.get_absolute_url()),
        *(f"/orders/{placed.number}/pay/", "/products/", "/posts/", post.get_absolute_url(), "/nowhere/"),
        *("/api/inbox", "/api/unread", "/api/events?after=0", "/api/preferences"),
    ]
    # Anybody's pages may be kept.
    for path in ("/", "/healthz"):
        assert not client.get(path).has_header("Cache-Control")
    client.force_login(alice)
    for path in own:
        kept = client.get(path)["Cache-Control"]
        assert {"private", "no-store"} <= set(kept.split(", ")), path


def test_the_app_alone_keeps_its_own_pages_from_caches(client, alice, settings):
    settings.MIDDLEWARE = [each for each in settings.MIDDLEWARE if "private_middleware" not in each]
    client.force_login(alice)
    for path in ("/notifications/", "/notifications/preferences/", "/api/inbox", "/api/unread"):
        assert client.get(path)["Cache-Control"] == "private, no-store"
    assert not client.get("/products/").has_header("Cache-Control")


@pytest.mark.parametrize("token", ["", "a-token-of-enough-length"])
def test_strangers_learn_from_readyz_only_whether_the_process_can_serve(client, settings, token):
    settings.NOTIFICATIONS_METRICS_TOKEN = token
    stranger = client.get("/readyz", REMOTE_ADDR="192.0.2.7")
    assert (stranger.status_code, stranger.content) == (200, b"ok\n")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    assert b"\ndatabase: ok" in client.get("/readyz", REMOTE_ADDR="127.0.0.1", headers=headers).content
    forged = client.get(
        "/readyz", REMOTE_ADDR="192.0.2.7", headers={"X-Forwarded-For": "127.0.0.1", "Authorization": "x"}
    )
    assert forged.content == b"ok\n"
