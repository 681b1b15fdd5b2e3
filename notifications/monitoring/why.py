"""Why a person got, or did not get, an event: each answer comes from the code that decides, asked again now.

What was otherwise when it happened (a mute since lifted) is in the log's steering entries, which are listed beside.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from notifications import digests, inbox, kinds, log, preferences, subscriptions
from notifications.log.control import control_channel
from notifications.models import Event, Reading, ServerProcess
from notifications.monitoring import heartbeat
from notifications.preferences import Preferences

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser


# Steering entries of a person that are shown.
STEPS = 20


class Answer(NamedTuple):
    """One question and what the deciding code says; `passes` is None where it neither lets through nor holds back."""

    question: str
    passes: bool | None
    words: str


def explain(user: "AbstractBaseUser", event: Event) -> list[Answer]:
    """Everything that decides whether this person gets this event, in the order in which it does."""
    chosen = preferences.of(user)
    return [
        account(user),
        permission(user, event),
        subscription(user, event),
        *preference(chosen, event),
        in_inbox(user, event, chosen),
        email(user, event, chosen),
    ]


def account(user: "AbstractBaseUser") -> Answer:
    """Whether the person may log in at all."""
    return Answer(_("Account"), user.is_active, _("active") if user.is_active else _("deactivated"))


def permission(user: "AbstractBaseUser", event: Event) -> Answer:
    """Whether the channel manager lets the person read the channel."""
    allowed = subscriptions.can_read(user, event.channel)
    words = _("may read %(channel)s") if allowed else _("may not read %(channel)s")
    return Answer(_("Channel"), allowed, words % {"channel": event.channel})


def subscription(user: "AbstractBaseUser", event: Event) -> Answer:
    """Whether the person heard the channel when it happened."""
    channels = subscriptions.channels_of(user)
    found = subscriptions.find(user, event.channel)
    if found is None:
        words = _("none: the person does not hear this channel")
    elif found.muted:
        words = _("muted")
    elif subscriptions.is_heard(event, channels):
        words = _("heard since position %(since)d") % {"since": channels[event.channel]}
    else:
        words = _("heard only since position %(since)d, and this is %(position)s")
        words %= {"since": found.since, "position": event.position or "–"}
    return Answer(_("Subscription"), subscriptions.is_heard(event, channels), words)


def preference(chosen: Preferences, event: Event) -> Iterator[Answer]:
    """What the person wants of this kind, and at which hours."""
    kind, choice = kinds.get(event.kind), chosen.kinds.get(event.kind)
    if kind is None or choice is None:
        words = _("not a kind that people choose: it goes over streams alone") if kind else _("not a registered kind")
        yield Answer(_("Preference"), None, words)
    else:
        ways = {
            _("Page"): choice.page,
            _("Toast"): choice.toast,
            _("Desktop"): choice.desktop,
            _("Email"): choice.email,
        }
        on, off = _("on"), _("off")
        words = ", ".join(f"{way}: {on if wanted else off}" for way, wanted in ways.items())
        yield Answer(_("Preference"), event.kind not in chosen.silenced, words)
    quiet = chosen.quiet.covers(event.created_at)
    words = _("quiet then: kept, but neither toasted nor on the desktop") if quiet else _("not quiet then")
    yield Answer(_("Quiet hours"), None, words)


def in_inbox(user: "AbstractBaseUser", event: Event, chosen: Preferences) -> Answer:
    """What the inbox makes of it."""
    item = inbox.items(user, silenced=chosen.silenced).filter(pk=event.pk).first()
    if item is not None:
        return Answer(_("Inbox"), passes=True, words=_("unread") if inbox.is_unread(item) else _("read"))
    mark = Reading.objects.filter(user_id=user.pk, event=event).first()
    dismissed = mark is not None and mark.state == Reading.State.DISMISSED
    return Answer(_("Inbox"), passes=False, words=_("dismissed by the person") if dismissed else _("not in it"))


def email(user: "AbstractBaseUser", event: Event, chosen: Preferences) -> Answer:
    """Whether it may have been mailed."""
    told = digests.digest_of(user)
    if not chosen.email:
        words = _("the person wants no emails")
    elif event.kind in chosen.unmailed:
        words = _("the person wants no emails about this kind")
    elif told is None or told.sent_at is None:
        words = _("none sent to this person yet")
    else:
        words = _("what was unread up to position %(through)d was mailed, last at %(at)s")
        words %= {"through": told.through, "at": date_format(localtime(told.sent_at), "DATETIME_FORMAT")}
    return Answer(_("Email"), None, words)


class Step(NamedTuple):
    """A change that steered the person's streams."""

    position: int
    at: datetime
    before: bool
    words: str


def steps(user: "AbstractBaseUser", event: Event) -> list[Step]:
    """What changed for the person around the event: the last changes before it, and those after it."""
    theirs = Event.objects.filter(channel=control_channel(user.pk), position__isnull=False)
    position = event.position or log.head()
    before = list(theirs.filter(position__lte=position).order_by("-position")[: STEPS // 2])
    after = list(theirs.filter(position__gt=position).order_by("position")[: STEPS // 2])
    found = [*reversed(before), *after]
    return [
        Step(each.position or 0, each.created_at, (each.position or 0) <= position, step_words(each)) for each in found
    ]


def step_words(entry: Event) -> str:
    """A steering entry in words."""
    data = entry.data if isinstance(entry.data, dict) else {}
    words = {
        "control.subscribed": _("began to hear %(channel)s"),
        "control.unsubscribed": _("ceased to hear %(channel)s"),
        "control.silenced": _("switched off on the page: %(kinds)s"),
        "control.session_ended": _("logged out of one browser"),
        "control.user_changed": _("account changed"),
    }.get(entry.kind, entry.kind)
    return words % {"channel": data.get("channel", "–"), "kinds": ", ".join(data.get("kinds", ())) or "–"}


@dataclass(frozen=True, slots=True)
class Stream:
    """One stream of the person, as its process told."""

    process: str
    trace: str
    opened_at: datetime
    ended_at: datetime | None
    reason: str
    cursor: int
    position: int
    delivered: int
    had: bool
    # When the event was written to it; None where that is no longer known, or it was not.
    had_at: datetime | None


@dataclass(frozen=True, slots=True)
class Told:
    """What the processes have told of the person's streams so far."""

    answered: list[str]
    awaited: list[str]
    streams: list[Stream]


def streams(user: "AbstractBaseUser", event: Event) -> Told:
    """Reads the processes' answers, of those that have been asked (inquiries.ask())."""
    answered, awaited, found = [], [], []
    for process in ServerProcess.objects.order_by("name"):
        findings = process.figures.get("findings", ())
        asked = (str(user.pk), event.position)
        finding = next((each for each in findings if (each["user"], each["position"]) == asked), None)
        if finding is not None:
            answered.append(process.name)
            found += [stream(process.name, told, finding["fanned_out_at"]) for told in finding["streams"]]
        elif not heartbeat.is_silent(process):
            awaited.append(process.name)
    return Told(answered, awaited, found)


def stream(process: str, told: dict[str, Any], fanned_out_at: float | None) -> Stream:
    """One stream: open at the fan-out, it had the event then; opened later, at its opening, from the log."""
    had_at = None
    if told["had"] and fanned_out_at is not None:
        had_at = max(told["opened_at"], fanned_out_at)
    return Stream(
        process=process,
        trace=told["trace"],
        opened_at=moment(told["opened_at"]),
        ended_at=moment(told["ended_at"]) if told["ended_at"] else None,
        reason=told["reason"],
        cursor=told["cursor"],
        position=told["position"],
        delivered=told["delivered"],
        had=told["had"],
        had_at=None if had_at is None else moment(had_at),
    )


def moment(seconds: float) -> datetime:
    """Seconds since the epoch as a time."""
    return datetime.fromtimestamp(seconds, UTC)
