"""Preferences: what is switched off, muted or quiet, on pages and on open streams."""

from datetime import UTC, datetime, time

import pytest
from django.core.exceptions import ValidationError
from django.urls import reverse

from notifications import inbox, kinds, log, preferences, subscriptions
from notifications.models import Preference
from notifications.preferences import Choice, Preferences, Quiet
from notifications.stream import EventStream
from tests.support.asgi import Reader, cookies_of, in_thread, run

pytestmark = pytest.mark.django_db(transaction=True)


def without(*names: str) -> Preferences:
    """Preferences in which these kinds are off on the page."""
    return preferences.checked({name: Choice(page=False) for name in names}, Quiet())


def tell(user, kind: str = "order.placed") -> None:
    data = {"number": 1, "buyer": "bob", "product": "Mug", "amount": "12.00", "currency": "EUR"}
    log.append(f"user:{user.pk}", kind, data)


def form(**changes: str) -> dict[str, str]:
    """The form as it is first shown, with changes."""
    shown = {f"{kind.name}:{way}": "on" for kind in kinds.listed() for way in ("page", "toast", "email")}
    return shown | {"email": "on", "quiet_from": "22:00", "quiet_until": "07:00", "zone": ""} | changes


def test_a_kind_that_is_off_is_neither_listed_nor_counted_until_it_is_on_again(alice):
    tell(alice)
    tell(alice, "order.paid")
    preferences.save(alice, without("order.placed"))
    assert [item.kind for item in inbox.items(alice)] == ["order.paid"]
    assert inbox.unread_count(alice) == 1
    preferences.save(alice, without())
    assert inbox.unread_count(alice) == 2


def test_a_kind_that_is_off_leaves_open_streams_at_once_and_others_go_on(alice, charlie):
    cookie, others = cookies_of(alice), cookies_of(charlie)
    subscriptions.subscribe(charlie, f"user:{alice.pk}")

    async def scenario():
        reader = await Reader(EventStream(), "/events/", cookie).opened()
        other = await Reader(EventStream(), "/events/", others).opened()
        await in_thread(tell, alice)
        await in_thread(preferences.save, alice, without("order.placed"))
        await in_thread(tell, alice)
        await in_thread(preferences.save, alice, without())
        await in_thread(tell, alice)
        await reader.until(lambda r: [kind for _at, kind in r.told()].count("order.placed") == 2)
        await other.until(lambda r: [kind for _at, kind in r.told()].count("order.placed") == 3)
        await reader.leave()
        await other.leave()
        return [kind for _at, kind in reader.told()]

    changed = ["inbox.read", "inbox.preferences"]
    assert run(scenario) == ["order.placed", *changed, *changed, "order.placed"]


def test_a_resume_leaves_out_what_is_off(alice):
    tell(alice)
    tell(alice, "order.paid")
    preferences.save(alice, without("order.placed"))
    cookie = cookies_of(alice)

    async def scenario():
        reader = Reader(EventStream(), "/events/", cookie, query="lastEventId=0")
        await reader.until(lambda r: len(r.events) == 3)
        await reader.leave()
        return [kind for _at, kind in reader.told()]

    assert run(scenario) == ["order.paid", "inbox.read", "inbox.preferences"]


def test_a_stream_speaks_the_language_of_the_page_that_asks_for_it(alice):
    tell(alice)
    cookie = cookies_of(alice)

    async def scenario():
        titles = []
        for query in ("lastEventId=0", "lastEventId=0&language=zh-hans", "lastEventId=0&language=tlh"):
            reader = Reader(EventStream(), "/events/", cookie, query=query)
            await reader.until(lambda r: r.events)
            await reader.leave()
            titles.append(reader.events[0].json()["title"])
        return titles

    assert run(scenario) == ["bob placed order 1", "bob 下了订单 1", "bob placed order 1"]


def test_payment_results_cannot_be_switched_off(client, alice):
    required = [kind.name for kind in kinds.listed() if kind.required]
    assert "payment.succeeded" in required
    for name in required:
        with pytest.raises(ValidationError, match="cannot be switched off"):
            preferences.checked({name: Choice(page=False)}, Quiet())
        with pytest.raises(ValidationError):
            preferences.checked({name: Choice(toast=False)}, Quiet())
    # The form shows them disabled, and a browser sends nothing for what is disabled.
    client.force_login(alice)
    posted = {
        name: value for name, value in form().items() if not name.startswith("payment.") or name.endswith(":email")
    }
    assert client.post(reverse("notifications:preferences"), posted).status_code == 302
    assert preferences.of(alice).kinds["payment.succeeded"] == Choice()
    # However they came to be off: they are on.
    Preference.objects.update(choices={"kinds": {"payment.succeeded": {"page": False}}})
    assert preferences.of(alice).kinds["payment.succeeded"].page


def test_the_form_saves_what_it_shows(client, alice):
    client.force_login(alice)
    page = reverse("notifications:preferences")
    assert client.get(page).status_code == 200
    changed = form(quiet_on="on", quiet_from="21:30", zone="Asia/Shanghai", **{"order.paid:desktop": "on"})
    del changed["order.placed:toast"]
    client.post(page, changed)
    chosen = preferences.of(alice)
    assert chosen.kinds["order.placed"] == Choice(page=True, toast=False)
    assert chosen.kinds["order.paid"] == Choice(desktop=True)
    assert chosen.quiet == Quiet(on=True, start=time(21, 30), until=time(7), zone="Asia/Shanghai")
    shown = client.get(page).content.decode()
    assert '<option value="Asia/Shanghai" selected>' in shown


@pytest.mark.parametrize(
    "wrong", [{"zone": "Mars/Olympus"}, {"quiet_from": "25:00"}, {"quiet_until": "7"}, {"quiet_from": "07:00:01"}]
)
def test_what_the_form_cannot_mean_is_refused_with_words(client, alice, wrong):
    client.force_login(alice)
    answer = client.post(reverse("notifications:preferences"), form(**wrong))
    assert answer.status_code == 400
    assert next(iter(wrong.values())) in answer.context["problem"]
    assert not Preference.objects.exists()


@pytest.mark.parametrize(
    ("start", "until", "local", "quiet"),
    [
        ("22:00", "07:00", "23:00", True),
        ("22:00", "07:00", "06:59", True),
        ("22:00", "07:00", "07:00", False),
        ("22:00", "07:00", "12:00", False),
        ("12:00", "13:00", "12:30", True),
        ("12:00", "13:00", "13:00", False),
        ("12:00", "12:00", "03:00", True),
    ],
)
def test_quiet_hours_are_those_of_the_persons_time_zone(start, until, local, quiet):
    hours = Quiet(on=True, start=time.fromisoformat(start), until=time.fromisoformat(until), zone="Asia/Shanghai")
    moment = datetime.fromisoformat(f"2026-11-21T{local}:00+08:00")
    assert hours.covers(moment.astimezone(UTC)) is quiet
    assert Quiet(start=hours.start, until=hours.until).covers(moment) is False


def test_a_stored_zone_or_kind_that_is_gone_harms_nothing(alice):
    document: dict = {"kinds": {"gone": {"page": False}}, "quiet": {"on": True, "from": "22:00", "until": "07:00"}}
    document["quiet"]["zone"] = "Atlantis/Poseidonis"
    Preference.objects.create(user=alice, choices=document)
    chosen = preferences.of(alice)
    assert "gone" not in chosen.kinds
    assert chosen.quiet.zone == ""


def test_pages_carry_the_preferences_and_show_times_in_the_persons_zone(client, alice):
    preferences.save(alice, preferences.checked({}, Quiet(on=True, zone="Asia/Shanghai")))
    client.force_login(alice)
    answer = client.get("/notifications/")
    assert '"zone":"Asia/Shanghai"' in answer.context["notifications"]["preferences_json"]
    assert answer.wsgi_request.preferences.quiet.zone == "Asia/Shanghai"


def test_an_author_is_muted_and_heard_again_by_a_form(client, alice, charlie):
    subscriptions.subscribe(alice, f"author:{charlie.pk}")
    client.force_login(alice)
    shown = client.get(reverse("notifications:preferences")).context["sources"]
    assert [(source.name, source.muted) for source in shown] == [
        ("Orders placed with you", False),
        ("Posts by charlie", False),
    ]
    log.append(f"author:{charlie.pk}", "post.published", {"author": "charlie", "title": "One"})
    assert inbox.unread_count(alice) == 1
    client.post("/notifications/mute/", {"channel": f"author:{charlie.pk}", "muted": "1"})
    log.append(f"author:{charlie.pk}", "post.published", {"author": "charlie", "title": "Two"})
    assert inbox.unread_count(alice) == 0
    client.post("/notifications/mute/", {"channel": f"author:{charlie.pk}", "muted": "0"})
    log.append(f"author:{charlie.pk}", "post.published", {"author": "charlie", "title": "Three"})
    assert inbox.unread_count(alice) == 1


def test_the_own_channel_cannot_be_muted(client, alice):
    client.force_login(alice)
    assert client.post("/notifications/mute/", {"channel": f"user:{alice.pk}", "muted": "1"}).status_code == 404
    assert client.post("/notifications/mute/", {"channel": "author:1", "muted": "yes"}).status_code == 400


def test_a_stranger_changes_nobody_elses_preferences_or_mutes(client, alice, charlie):
    subscriptions.subscribe(alice, "author:7")
    client.force_login(charlie)
    client.post(reverse("notifications:preferences"), form(quiet_on="on"))
    client.post("/notifications/mute/", {"channel": "author:7", "muted": "1"})
    client.post("/notifications/mute/", {"channel": f"seller:{alice.pk}", "muted": "1"})
    assert preferences.of(alice) == preferences.from_stored(None)
    assert subscriptions.channels_of(alice).keys() == {f"user:{alice.pk}", f"seller:{alice.pk}", "author:7"}


def test_nobody_has_preferences_without_logging_in(client):
    for path in ("/notifications/preferences/", "/notifications/mute/", "/notifications/change/"):
        assert client.post(path)["Location"].startswith("/accounts/login/")
    assert client.get("/notifications/preferences/")["Location"].startswith("/accounts/login/")
