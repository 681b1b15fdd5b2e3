"""The bell and the inbox as the server renders them."""

import re
from html.parser import HTMLParser

import pytest
from django.contrib.auth.models import AnonymousUser
from django.template import Context, RequestContext, Template, TemplateSyntaxError
from django.test import RequestFactory
from django.utils import translation

from notifications import inbox, kinds, log
from notifications.middleware import cursor_middleware
from notifications.models import Head

pytestmark = pytest.mark.django_db

BOTH = "{% load notifications %}{% notifications_bell %}{% notifications_inbox %}"
HOSTILE = "<script>alert(1)</script>\"'></template></notifications-inbox><img src=x onerror=alert(2)>"


@pytest.fixture(autouse=True)
def kind():
    before = dict(kinds._registry)
    yield kinds.register(kinds.Kind("note.made", label="Note", title="%(text)s", body="Of %(text)s"))
    kinds._registry.clear()
    kinds._registry.update(before)


def asked_by(user, path: str = "/page/?a=1&b=2"):
    request = RequestFactory().get(path)
    request.user = user
    return request


def tell(user, text: str, url: str = "") -> int:
    log.append(f"user:{user.pk}", "note.made", {"text": text}, url=url)
    log.sequence()
    return log.head()


def rendered(source: str, user, **variables) -> str:
    request = asked_by(user)
    answered = []

    def view(request):
        answered.append(Template(source).render(RequestContext(request, variables)))
        from django.http import HttpResponse

        return HttpResponse()

    cursor_middleware(view)(request)
    return answered[0]


class Tags(HTMLParser):
    """The tags of a page, each with its attributes, and the text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def test_the_bell_has_the_number_and_the_inbox_the_lines(alice):
    tell(alice, "first", url="/first/")
    second = tell(alice, "second")
    inbox.mark_read(alice, log.head() - 1)
    page = Tags(rendered(BOTH, alice))
    (bell,), (box,) = page.named("notifications-bell"), page.named("notifications-inbox")
    assert {name: bell[name] for name in ("lang", "dir", "data-count", "data-cursor", "data-client")} == {
        "lang": "en",
        "dir": "ltr",
        "data-count": "1",
        "data-cursor": str(log.head()),
        "data-client": "/static/notifications/embed/live.js",
    }
    assert box["data-limit"] == "10"
    assert [each["shadowrootmode"] for each in page.named("template") if "shadowrootmode" in each] == ["open", "open"]
    assert [each for each in page.named("a") if each.get("class") == "bell"] == [
        {"class": "bell", "part": "bell", "href": "/notifications/"}
    ]
    lines = [each for each in page.named("li") if each["data-position"]]
    assert [(line["data-position"], "unread" in str(line["class"])) for line in lines] == [
        (str(second), True),
        (str(second - 1), False),
    ]
    assert "/first/" in [each.get("href") for each in page.named("a")]
    actions = [(form["method"], form["action"]) for form in page.named("form")]
    assert ("post", f"/notifications/{second}/read/") in actions
    assert ("post", "/notifications/change/") in actions
    assert ("post", "/notifications/read/") in actions
    assert {method for method, _ in actions} == {"post"}
    tokens = [each for each in page.named("input") if each["name"] == "csrfmiddlewaretoken"]
    assert len(tokens) == len(actions)
    assert {each["value"] for each in page.named("input") if each["name"] == "next"} == {"/page/?a=1&b=2"}


@pytest.mark.parametrize("source", [BOTH, "{% autoescape off %}" + BOTH + "{% endautoescape %}"])
def test_a_hostile_text_stays_text(alice, source):
    tell(alice, HOSTILE, url="/a/")
    page = rendered(source, alice)
    assert page.count("<script") == 1, "the one that the tags load"
    parsed = Tags(page)
    assert parsed.named("img") == []
    assert HOSTILE in parsed.text
    assert not any(name.startswith("on") for _, attributes in parsed.tags for name in attributes)


def test_a_link_to_another_site_in_the_row_is_no_link(alice):
    from notifications.models import Event

    tell(alice, "away", url="/a/")
    Event.objects.update(url="javascript:alert(1)")
    assert "javascript:" not in rendered(BOTH, alice)


def test_nobody_else_s_notifications_are_there(alice, charlie):
    tell(alice, "for alice alone")
    page = rendered(BOTH, charlie)
    assert "for alice alone" not in page
    assert 'data-count="0"' in page


@pytest.mark.parametrize("user", [AnonymousUser(), None])
def test_an_anonymous_visitor_gets_nothing(user):
    request = asked_by(user)
    if user is None:
        del request.user
    assert Template(BOTH).render(RequestContext(request)).strip() == ""


def test_a_template_without_a_request_gets_nothing():
    assert Template(BOTH).render(Context({"user": "alice"})).strip() == ""


def test_a_site_without_the_context_processor_has_them_too(alice, settings):
    tell(alice, "there")
    settings.TEMPLATES = [
        {"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True, "OPTIONS": {}},
    ]
    page = Template(BOTH).render(Context({"request": asked_by(alice)}))
    assert "there" in page
    assert 'data-count="1"' in page


def test_a_variable_of_the_page_with_the_same_name_changes_nothing(alice):
    tell(alice, "there")
    page = rendered(BOTH, alice, notifications=["a list of the view's"])
    assert 'data-count="1"' in page
    assert "there" in page


def test_both_tags_take_two_queries_in_a_page_and_the_bell_one(alice, django_assert_num_queries):
    for number in range(5):
        tell(alice, f"note {number}")
    both, bell = Template(BOTH), Template("{% load notifications %}{% notifications_bell %}")
    request = asked_by(alice)

    def view(request):
        from django.http import HttpResponse

        with django_assert_num_queries(1):
            bell.render(RequestContext(request))
        with django_assert_num_queries(2):
            both.render(RequestContext(request))
        return HttpResponse()

    cursor_middleware(view)(request)


def test_the_script_is_loaded_once_a_page_wherever_the_first_tag_is(alice):
    scripts = Tags(rendered(BOTH + "{% notifications_bell %}", alice)).named("script")
    assert scripts == [{"type": "module", "src": "/static/notifications/embed/elements.js"}]


@pytest.mark.parametrize("where", ["Django", "django-csp"])
def test_script_and_sheets_have_the_nonce_of_the_page(alice, where):
    class Lazy:
        """False until it is used, as Django's is."""

        used = False

        def __bool__(self) -> bool:
            return self.used

        def __str__(self) -> str:
            self.used = True
            return "n0nce"

    request = asked_by(alice)
    variables = {"csp_nonce": Lazy()} if where == "Django" else {}
    if where == "django-csp":
        request.csp_nonce = Lazy()
    page = Tags(Template(BOTH).render(RequestContext(request, variables)))
    assert {each.get("nonce") for each in [*page.named("script"), *page.named("link")]} == {"n0nce"}
    assert len(page.named("link")) == 3
    assert page.named("style") == []
    assert not any("style" in attributes for _, attributes in page.tags)


@pytest.mark.parametrize("limit", ["0", "101", "'5'", "missing"])
def test_a_limit_that_is_none_is_an_error_with_the_bounds(alice, limit):
    source = "{% load notifications %}{% notifications_inbox limit=LIMIT %}".replace("LIMIT", limit)
    with pytest.raises(TemplateSyntaxError, match="from 1 to 100"):
        rendered(source, alice)


def test_the_limit_bounds_the_lines(alice):
    for number in range(4):
        tell(alice, f"note {number}")
    page = rendered("{% load notifications %}{% notifications_inbox limit=3 %}", alice)
    assert re.findall(r'data-position="(\d+)"', page) == [str(log.head() - back) for back in range(3)]


def test_texts_are_in_the_language_of_the_page(alice):
    tell(alice, "text")
    with translation.override("zh-hans"):
        page = Template(BOTH).render(RequestContext(asked_by(alice)))
    assert {tag["lang"] for tag in Tags(page).named("notifications-inbox")} == {"zh-hans"}
    for text in ("全部标为已读", "标为已读", "通知"):
        assert text in page
    assert "Mark all" not in page


def test_numbers_are_no_local_numbers(alice, settings):
    settings.USE_THOUSAND_SEPARATOR = True
    # An empty log may have no head yet.
    log.begin()
    assert Head.objects.update(position=12_345_678)
    tell(alice, "far")
    page = rendered(BOTH, alice)
    assert 'data-position="12345679"' in page
    assert 'data-cursor="12345679"' in page
    assert "12,345" not in page


def test_without_translations_there_are_english_texts(alice, settings):
    settings.USE_I18N = False
    tell(alice, "text")
    assert "Mark all as read" in rendered(BOTH, alice)
