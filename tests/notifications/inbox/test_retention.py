"""What is pruned, and what is kept for those who have not read it."""

import random
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from notifications import inbox, log, subscriptions
from notifications.inbox import retention
from notifications.models import Event, Reading
from notifications.stream import EventStream
from tests.support.asgi import Reader, cookies_of, in_thread, run
from tests.support.people import person

pytestmark = pytest.mark.django_db(transaction=True)
State = Reading.State
DAY = timedelta(days=1)


def tell(channel: str, count: int = 1, age: int = 0) -> list[int]:
    """Says something so often, that many days ago; returns the positions."""
    log.append_all([Event(channel=channel, kind="happened") for _ in range(count)])
    found = list(Event.objects.order_by("-position").values_list("position", flat=True)[:count])
    Event.objects.filter(position__in=found).update(created_at=timezone.now() - age * DAY)
    return sorted(position or 0 for position in found)


def kept() -> list[int]:
    happened = Event.objects.filter(kind="happened").order_by("position")
    return [position or 0 for position in happened.values_list("position", flat=True)]


def test_what_somebody_has_unread_is_kept_until_it_is_read(alice, bob):
    for person_ in (alice, bob):
        subscriptions.subscribe(person_, "author:1")
    (told,) = tell("author:1", age=10)
    inbox.mark_all_read(alice)
    assert retention.prune_events(5 * DAY, 20 * DAY).spared == 1
    assert [item.position for item in inbox.items(bob, unread_only=True)] == [told]
    inbox.mark_all_read(bob)
    assert retention.prune_events(5 * DAY, 20 * DAY).spared == 0
    assert kept() == []


def test_nothing_is_kept_past_the_longer_limit(alice):
    tell(f"user:{alice.pk}", age=30)
    (newer,) = tell(f"user:{alice.pk}", age=10)
    assert retention.prune_events(5 * DAY, 20 * DAY) == (1, 1)
    assert kept() == [newer]
    assert retention.prune_events(5 * DAY, 5 * DAY) == (1, 0)


def test_nothing_is_kept_for_those_who_do_not_listen(alice, bob):
    subscriptions.subscribe(alice, "author:1")
    tell("author:1", age=10)
    subscriptions.set_muted(alice, "author:1", muted=True)
    tell("author:2", age=10)
    subscriptions.subscribe(bob, "author:2")
    # What steers pages is no line of any inbox.
    inbox.announce(alice)
    Event.objects.update(created_at=timezone.now() - 10 * DAY)
    assert retention.prune_events(5 * DAY, 20 * DAY).spared == 0
    assert not Event.objects.exists()


def happen(rng: random.Random, people: list) -> None:
    """Somebody does something, or something is said."""
    somebody, positions = rng.choice(people), kept()
    doing = rng.choice(["tell", "tell", "tell own", "change", "mark", "mute"])
    if doing == "tell":
        tell(f"author:{rng.randint(1, 3)}")
    elif doing == "tell own":
        tell(f"user:{somebody.pk}")
    elif doing == "change":
        inbox.change(somebody, rng.sample(positions, min(2, len(positions))), rng.choice(list(State)))
    elif doing == "mark":
        inbox.mark_all_read(somebody, rng.choice(positions or [0]))
    else:
        subscriptions.set_muted(somebody, f"author:{rng.randint(1, 3)}", muted=rng.random() < 0.5)


@pytest.mark.parametrize("seed", range(6))
def test_what_is_kept_is_what_some_inbox_has_unread_whatever_was_done(alice, bob, seed):
    """The rule for all people at once is the rule of each person's inbox."""
    rng, people = random.Random(seed), [alice, bob, person("carol")]
    for somebody in people:
        for channel in rng.sample(["author:1", "author:2", "author:3"], 2):
            subscriptions.subscribe(somebody, channel)
    for _ in range(40):
        happen(rng, people)
    unread = {item.position for somebody in people for item in inbox.items(somebody, unread_only=True)}
    before = set(kept())
    assert unread
    assert before - unread
    Event.objects.update(created_at=timezone.now() - 10 * DAY)
    retention.prune_events(5 * DAY, 20 * DAY)
    assert set(kept()) == unread


def test_pruning_everything_under_an_open_stream_loses_nobody(alice):
    channel, cookie = f"user:{alice.pk}", cookies_of(alice)
    tell(channel, 3, age=400)

    async def scenario():
        reader = await Reader(EventStream(), "/events/", cookie).opened()
        done = await in_thread(retention.prune_events, DAY, DAY)
        late = await Reader(EventStream(), "/events/", cookie, last_event_id="1").until(lambda r: r.events)
        await in_thread(tell, channel)
        for each in (reader, late):
            await each.until(lambda r: r.told())
            await each.leave()
        return done, reader.told(), [event.event for event in late.events]

    assert run(scenario) == ((3, 0), [(4, "happened")], ["reset", "happened"])
    assert log.bounds()[:2] == (4, 3)
    assert [item.position for item in inbox.items(alice)] == [4]


def test_the_command_says_what_it_did_and_refuses_what_makes_no_sense(alice):
    tell(f"user:{alice.pk}", 2, age=100)
    tell("order:1", 3, age=100)
    said = StringIO()
    call_command("prune_events", "--days", "30", stdout=said)
    assert said.getvalue() == "3 events deleted, 2 older ones kept: somebody has them unread\n"
    with pytest.raises(CommandError, match="cannot be kept for a shorter time"):
        call_command("prune_events", "--days", "30", "--unread-days", "10")
    with pytest.raises(CommandError, match="not a number of days"):
        call_command("prune_events", "--days", "0")
    assert kept() == [1, 2]
