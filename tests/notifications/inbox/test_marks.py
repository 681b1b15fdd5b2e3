"""Reading, unreading, dismissing: what they change, in step on every device, and that the count never drifts."""

import json
import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from notifications import inbox, log, preferences, subscriptions
from notifications.models import Event, Preference, Reading, Subscription
from notifications.preferences import Choice, Quiet
from notifications.stream import EventStream
from tests.support.asgi import Reader, cookies_of, in_thread, run

pytestmark = pytest.mark.django_db(transaction=True)
State = Reading.State


def tell(user, count: int = 1) -> list[int]:
    """Tells a person something that often; returns the positions."""
    for number in range(count):
        log.append(f"user:{user.pk}", "happened", {"number": number}, url="/products/")
    told = [event for event in log.read(0, channels=[f"user:{user.pk}"]) if event.kind == "happened"]
    return [event.position or 0 for event in told][-count:]


def unread(user) -> list[int]:
    return sorted(item.position or 0 for item in inbox.items(user, unread_only=True))


def announced(user) -> list[dict]:
    return [e.data for e in log.read(0, channels=[f"user:{user.pk}"]) if e.kind == "inbox.read"]


def test_what_was_read_is_made_unread_again_and_read_again(alice):
    first, second, third = tell(alice, 3)
    inbox.mark_all_read(alice)
    assert inbox.change(alice, [second, first], State.UNREAD) == [second, first]
    assert unread(alice) == [first, second]
    assert inbox.change(alice, [second, third], State.READ) == [second]
    assert unread(alice) == [first]
    inbox.mark_all_read(alice)
    assert unread(alice) == []


def test_marking_all_from_an_old_page_spares_what_was_made_unread_since(alice):
    (position,) = tell(alice)
    page_cursor = log.head()
    inbox.mark_all_read(alice)
    inbox.change(alice, [position], State.UNREAD)
    inbox.mark_all_read(alice, page_cursor)
    assert unread(alice) == [position]


def test_what_is_dismissed_is_gone_from_the_list_and_the_count(alice):
    first, second = tell(alice, 2)
    assert inbox.change(alice, [second], State.DISMISSED) == [second]
    assert [item.position for item in inbox.items(alice)] == [first]
    assert unread(alice) == [first]
    assert inbox.change(alice, [second], State.UNREAD) == []


def test_each_change_tells_the_persons_other_pages_once(alice):
    first, second = tell(alice, 2)
    for _ in range(2):
        inbox.change(alice, [first], State.READ)
    inbox.change(alice, [first], State.UNREAD)
    inbox.change(alice, [second], State.DISMISSED)
    through = inbox.mark_all_read(alice)
    nothing: dict = {"through": None, "read": [], "unread": [], "dismissed": []}
    assert announced(alice) == [
        nothing | {"read": [first], "count": 1},
        nothing | {"unread": [first], "count": 2},
        nothing | {"dismissed": [second], "count": 1},
        nothing | {"through": through, "count": 0},
    ]
    assert inbox.unread_count(alice) == 0


def test_reading_on_one_device_reaches_the_streams_of_the_others(client, alice):
    (position,) = tell(alice)
    client.force_login(alice)
    cookie = cookies_of(alice)

    async def scenario():
        other = await Reader(EventStream(), "/events/", cookie).opened()
        await in_thread(client.post, f"/notifications/{position}/read/")
        await other.until(lambda r: r.events)
        await other.leave()
        return other.events[0]

    event = run(scenario)
    assert event.event == "inbox.read"
    data = json.loads(event.data)["data"]
    assert (data["read"], data["count"]) == ([position], 0)


def test_what_only_streams_carry_is_no_line_and_not_counted(alice):
    inbox.announce(alice)
    preferences.save(alice, preferences.checked({}, Quiet(on=True)))
    assert list(inbox.items(alice)) == []
    assert inbox.unread_count(alice) == 0


@pytest.mark.parametrize(
    ("action", "left"), [("read", ([1, 2], [])), ("unread", ([1, 2], [1, 2])), ("dismiss", ([], []))]
)
def test_the_buttons_of_a_line_work_without_a_script(client, alice, action, left):
    tell(alice, 2)
    if action == "unread":
        inbox.mark_all_read(alice)
    client.force_login(alice)
    answer = client.post("/notifications/change/", {"action": action, "position": ["1", "2"], "next": "/orders/"})
    assert (answer.status_code, answer["Location"]) == (302, "/orders/")
    assert sorted(item.position or 0 for item in inbox.items(alice)) == left[0]
    assert unread(alice) == left[1]


@pytest.mark.parametrize(
    "posted", [{"action": "steal", "position": "1"}, {"position": "1"}, {"action": "read", "position": "one"}]
)
def test_a_malformed_change_is_a_clear_400(client, alice, posted):
    client.force_login(alice)
    assert client.post("/notifications/change/", posted).status_code == 400


def test_a_stranger_changes_nothing_of_others(client, alice, charlie):
    tell(alice, 2)
    client.force_login(charlie)
    for action in ("read", "unread", "dismiss"):
        client.post("/notifications/change/", {"action": action, "position": ["1", "2"]})
    assert unread(alice) == [1, 2]
    assert not Reading.objects.exists()
    assert client.get("/notifications/change/").status_code == 405


class SlowInbox:
    """What an inbox must hold, kept the slow way: every event and every operation, one by one."""

    def __init__(self, channel: str) -> None:
        self.events: list[tuple[int, str, str]] = []
        self.since = {channel: 0}
        self.muted: set[str] = set()
        self.off: set[str] = set()
        self.state: dict[int, str] = {}

    def visible(self) -> list[int]:
        return [
            at
            for at, channel, kind in self.events
            if channel in self.since
            and at > self.since[channel]
            and channel not in self.muted
            and kind not in self.off
            and self.state.get(at) != "dismissed"
        ]

    def read_all(self) -> None:
        """Also what is off for now; what was dismissed stays so."""
        for at, channel, _kind in self.events:
            if channel in self.since and self.state.get(at) != "dismissed":
                self.state[at] = "read"

    def unread(self) -> list[int]:
        return [at for at in self.visible() if self.state.get(at, "unread") == "unread"]


KINDS = ("order.placed", "order.paid", "post.published")
OPERATIONS = ("tell", "tell", "tell", "read", "unread", "dismiss", "all", "follow", "mute", "page")


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(seed=st.integers(0, 10**6), operations=st.lists(st.sampled_from(OPERATIONS), min_size=10, max_size=45))
def test_the_count_never_drifts_whatever_is_done(alice, seed, operations):
    for model in (Event, Reading, Preference):
        model.objects.all().delete()
    Subscription.objects.exclude(channel=f"user:{alice.pk}").delete()
    start = log.head()
    Subscription.objects.update(since=start, read_through=start)
    chance, own = random.Random(seed), f"user:{alice.pk}"
    slow, channels = SlowInbox(own), [own, "author:1", "author:2"]
    slow.since[own] = start
    for operation in operations:
        channel, kind = chance.choice(channels), chance.choice(KINDS)
        some = [at for at, _channel, _kind in chance.sample(slow.events, min(3, len(slow.events)))]
        apply(operation, alice, slow, channel, kind, some)
        assert unread(alice) == slow.unread()
        assert inbox.unread_count(alice) == len(slow.unread())
        assert sorted(item.position or 0 for item in inbox.items(alice)) == slow.visible()
        assert paged(alice, chance.randint(1, 5)) == [(at, at in slow.unread()) for at in reversed(slow.visible())]


def paged(user, size: int) -> list[tuple[int, bool]]:
    """The whole inbox, page by page, with what is unread."""
    found, before = [], None
    while True:
        items, before = inbox.page(user, size, before=before)
        found += [(item.position or 0, vars(item)["is_unread"]) for item in items]
        if before is None:
            return found


def apply(operation: str, alice, slow: SlowInbox, channel: str, kind: str, some: list[int]) -> None:
    """Does one thing, in the site and in the slow inbox."""
    match operation:
        case "tell":
            log.append(channel, kind, {})
            slow.events.append((log.head(), channel, kind))
        case "read" | "unread" | "dismiss":
            state = State({"dismiss": "dismissed"}.get(operation, operation))
            inbox.change(alice, some, state)
            slow.state |= dict.fromkeys(set(some) & set(slow.visible()), state.value)
        case "all":
            inbox.mark_all_read(alice)
            slow.read_all()
        case "follow" if not channel.startswith("user:"):
            if channel in slow.since:
                subscriptions.unsubscribe(alice, channel)
                slow.since.pop(channel)
                slow.muted.discard(channel)
            else:
                slow.since[channel] = log.head()
                subscriptions.subscribe(alice, channel)
        case "mute" if not channel.startswith("user:") and channel in slow.since:
            if channel in slow.muted:
                slow.since[channel] = log.head()
                slow.muted.discard(channel)
            else:
                slow.muted.add(channel)
            subscriptions.set_muted(alice, channel, muted=channel in slow.muted)
        case "page":
            slow.off ^= {kind}
            preferences.save(alice, preferences.checked({name: Choice(page=False) for name in slow.off}, Quiet()))
