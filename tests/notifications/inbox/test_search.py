"""The newest and the unread of a person are found in a long log by other ways than items() goes, and are the same."""

import random
from typing import Any

import pytest

from notifications import inbox, log, subscriptions
from notifications.inbox import search
from notifications.models import Reading, Subscription

pytestmark = pytest.mark.django_db(transaction=True)
State = Reading.State
CHANNELS = [f"author:{number}" for number in range(8)]
KINDS = ("happened", "rarely")


def live_through(alice, chance: random.Random, steps: int) -> None:
    """Anything that changes what an inbox says."""
    channels = [*CHANNELS, f"user:{alice.pk}"]
    for _ in range(steps):
        channel = chance.choice(channels)
        match chance.randrange(12):
            case 0:
                inbox.mark_all_read(alice, chance.randint(0, log.head()))
            case 1:
                subscriptions.subscribe(alice, channel)
            case 2 if channel in CHANNELS:
                subscriptions.unsubscribe(alice, channel)
            case 3 if channel in CHANNELS:
                subscriptions.set_muted(alice, channel, muted=chance.random() < 0.5)
            case 4 | 5:
                inbox.change(alice, chance.choices(range(1, log.head() + 2), k=3), chance.choice(list(State)))
            case 6:
                # As a read of one channel alone would leave it: how far all is read differs between channels.
                through = chance.randint(0, log.head())
                Subscription.objects.filter(user=alice, channel=channel).update(read_through=through)
            case 7:
                log.retract(str(chance.randint(1, log.head() + 1)))
            case _:
                kind = chance.choice(KINDS) if chance.random() < 0.3 else KINDS[0]
                log.append(channel, kind, key=str(log.head() + 1))


def said_by_items(alice, *, unread_only=False, before=None, kind="", silenced=()):
    """What a page should hold: the position of each item, and whether it is unread."""
    found = inbox.items(alice, unread_only=unread_only, silenced=silenced)
    found = found.filter(position__lt=before) if before is not None else found
    found = found.filter(kind=kind) if kind else found
    return [(event.position, inbox.is_unread(event)) for event in found]


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("window", [0, 7, search.WINDOW])
def test_what_is_found_is_what_the_inbox_holds_however_small_the_window(alice, monkeypatch, window, seed):
    monkeypatch.setattr(search, "WINDOW", window)
    chance = random.Random(seed)
    for channel in CHANNELS[:5]:
        subscriptions.subscribe(alice, channel)
    seen = set()
    for _ in range(3):
        live_through(alice, chance, 45)
        questions: tuple[dict[str, Any], ...] = (
            {},
            {"unread_only": True},
            {"before": chance.randint(1, log.head() + 5)},
            {"before": 2**63 - 1},
            {"unread_only": True, "before": chance.randint(1, log.head())},
            {"kind": "rarely"},
            {"unread_only": True, "kind": "rarely", "before": log.head()},
            {"silenced": ("rarely",)},
        )
        for options in questions:
            expected = said_by_items(alice, **options)
            for limit in (1, 4, 50):
                found, following = inbox.page(alice, limit, **{"silenced": (), **options})
                assert [(event.position, inbox.is_unread(event)) for event in found] == expected[:limit], options
                assert following == (expected[limit - 1][0] if len(expected) > limit else None)
                seen |= {("goes on", following is not None), *(("unread", unread) for _position, unread in expected)}
        assert inbox.unread_count(alice, silenced=()) == len(said_by_items(alice, unread_only=True))
    # Pages that go on and that end, of what is read and of what is not: what was compared was not all nothing.
    assert len(seen) == 4


@pytest.mark.parametrize("window", [0, 3])
def test_a_page_goes_on_where_others_fill_the_window(alice, monkeypatch, window):
    """One channel has far more than a page, others have one event each, and a stranger's are the newest."""
    monkeypatch.setattr(search, "WINDOW", window)
    for channel in CHANNELS:
        subscriptions.subscribe(alice, channel)
    for channel in (*CHANNELS[1:4], *[CHANNELS[0]] * 9, *CHANNELS[4:], *["author:of-nobody"] * 5):
        log.append(channel, "happened")
    # Following wrote steering entries, whose positions these follow.
    expected = [position for position, _unread in said_by_items(alice)]
    assert len(expected) == 16
    for limit in range(1, 18):
        found, _following = inbox.page(alice, limit, silenced=())
        assert [event.position for event in found] == expected[:limit]
    assert inbox.unread_count(alice) == 16
