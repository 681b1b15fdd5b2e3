"""Explains why a user got an event, or did not. Each answer comes from the code that decides, called again now.

The situation may have been different then (a mute that was lifted since): the control events of the user are listed beside.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from notifications import digests, inbox, kinds, log, preferences, subscriptions
from notifications.log.control import control_channel
from notifications.models import Event, ImmediateEmail, Reading, ServerProcess
from notifications.monitoring import heartbeat
from notifications.monitoring.report import StreamTrace, report_of
from notifications.preferences import Preferences

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser


# Control events of a user that are shown.
STEPS = 20


class Answer(NamedTuple):
    """A question and the answer of the deciding code; `passes` is None if it neither delivers nor withholds the event."""

    question: str
    passes: bool | None
    words: str


def explain(user: "AbstractBaseUser", event: Event) -> list[Answer]:
    """Returns all answers, in the order in which the code decides."""
    chosen = preferences.of(user)
    return [
        *retraction(event),
        account(user),
        permission(user, event),
        subscription(user, event),
        *preference(chosen, event),
        in_inbox(user, event, chosen),
        email(user, event, chosen),
    ]


def retraction(event: Event) -> Iterator[Answer]:
    """Whether the event was retracted; most were not, and have no line about it."""
    if event.retracted_at is not None:
        words = _("at %(at)s: it has left inboxes and open pages, and no stream or email brings it any more")
        words %= {"at": date_format(localtime(event.retracted_at), "DATETIME_FORMAT")}
        yield Answer(_("Retracted"), passes=False, words=words)


def account(user: "AbstractBaseUser") -> Answer:
    """Whether the account is active."""
    return Answer(_("Account"), user.is_active, _("active") if user.is_active else _("deactivated"))


def permission(user: "AbstractBaseUser", event: Event) -> Answer:
    """Whether the channel manager lets the user read the channel."""
    allowed = subscriptions.can_read(user, event.channel)
    words = _("may read %(channel)s") if allowed else _("may not read %(channel)s")
    return Answer(_("Channel"), allowed, words % {"channel": event.channel})


def subscription(user: "AbstractBaseUser", event: Event) -> Answer:
    """Whether the user was subscribed to the channel at the event's position."""
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
    """The user's preferences for the kind, and the quiet hours."""
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
        if kind.email_at_once:
            ways[_("Email at once")] = choice.at_once
        on, off = _("on"), _("off")
        words = ", ".join(f"{way}: {on if wanted else off}" for way, wanted in ways.items())
        yield Answer(_("Preference"), event.kind not in chosen.silenced, words)
    quiet = chosen.quiet.covers(event.created_at)
    words = _("quiet then: kept, but neither toasted nor on the desktop") if quiet else _("not quiet then")
    yield Answer(_("Quiet hours"), None, words)


def in_inbox(user: "AbstractBaseUser", event: Event, chosen: Preferences) -> Answer:
    """Whether the event is in the inbox, and its state there."""
    item = inbox.items(user, silenced=chosen.silenced).filter(pk=event.pk).first()
    if item is not None:
        return Answer(_("Inbox"), passes=True, words=_("unread") if inbox.is_unread(item) else _("read"))
    mark = Reading.objects.filter(user_id=user.pk, event=event).first()
    dismissed = mark is not None and mark.state == Reading.State.DISMISSED
    return Answer(_("Inbox"), passes=False, words=_("dismissed by the person") if dismissed else _("not in it"))


def email(user: "AbstractBaseUser", event: Event, chosen: Preferences) -> Answer:
    """Whether the event may have been mailed."""
    told = digests.digest_of(user)
    single = ImmediateEmail.objects.filter(user_id=user.pk, event_id=event.pk).first()
    if single is not None and single.was_sent and single.settled_at is not None:
        words = _("mailed at once, at %(at)s") % {"at": date_format(localtime(single.settled_at), "DATETIME_FORMAT")}
    elif single is not None and single.settled_at is None:
        words = _("to be mailed, not before %(at)s") % {"at": date_format(localtime(single.due_at), "DATETIME_FORMAT")}
    elif not chosen.email:
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
    """A control event, in words."""

    position: int
    at: datetime
    before: bool
    words: str


def steps(user: "AbstractBaseUser", event: Event) -> list[Step]:
    """Returns the control events of the user around the event: the last ones before it, and the first ones after it."""
    theirs = Event.objects.filter(channel=control_channel(user.pk), position__isnull=False)
    position = event.position or log.head()
    before = list(theirs.filter(position__lte=position).order_by("-position")[: STEPS // 2])
    after = list(theirs.filter(position__gt=position).order_by("position")[: STEPS // 2])
    found = [*reversed(before), *after]
    return [
        Step(each.position or 0, each.created_at, (each.position or 0) <= position, step_words(each)) for each in found
    ]


def step_words(entry: Event) -> str:
    """Returns the words for a control event."""
    data = entry.data if isinstance(entry.data, dict) else {}
    words = {
        "control.subscribed": _("began to hear %(channel)s"),
        "control.unsubscribed": _("ceased to hear %(channel)s"),
        "control.silenced": _("switched off on the page: %(kinds)s"),
        "control.session_ended": _("logged out of one browser"),
        "control.user_changed": _("account changed"),
    }.get(entry.kind, entry.kind)
    named = data.get("kinds")
    switched_off = ", ".join(map(str, named)) if isinstance(named, list) else ""
    return words % {"channel": data.get("channel", "–"), "kinds": switched_off or "–"}


@dataclass(frozen=True, slots=True)
class Stream:
    """A stream of the user, from the report of its process."""

    process: str
    trace: str
    opened_at: datetime
    ended_at: datetime | None
    reason: str
    cursor: int
    position: int
    delivered: int
    had: bool
    # When the event was written to the stream; None if it was not, or if the time is no longer known.
    had_at: datetime | None


@dataclass(frozen=True, slots=True)
class Told:
    """The answers of the processes so far: those that have answered, those that have not yet, and the streams."""

    answered: list[str]
    awaited: list[str]
    streams: list[Stream]


def streams(user: "AbstractBaseUser", event: Event) -> Told:
    """Reads the answers of the processes to delivery_trace.ask()."""
    answered, awaited, found = [], [], []
    for process in ServerProcess.objects.order_by("name"):
        asked = (str(user.pk), event.position)
        findings = report_of(process).findings
        finding = next((each for each in findings if (each.user, each.position) == asked), None)
        if finding is not None:
            answered.append(process.name)
            found += [stream(process.name, told, finding.fanned_out_at) for told in finding.streams]
        elif not heartbeat.is_silent(process):
            awaited.append(process.name)
    return Told(answered, awaited, found)


def stream(process: str, told: StreamTrace, fanned_out_at: float | None) -> Stream:
    """Makes a Stream of a report. An open stream got the event at the fan-out; one that opened later, at its opening."""
    had_at = None
    if told.had and fanned_out_at is not None:
        had_at = max(told.opened_at, fanned_out_at)
    return Stream(
        process=process,
        trace=told.trace,
        opened_at=moment(told.opened_at),
        ended_at=None if told.ended_at is None else moment(told.ended_at),
        reason=told.reason,
        cursor=told.cursor,
        position=told.position,
        delivered=told.delivered,
        had=told.had,
        had_at=None if had_at is None else moment(had_at),
    )


def moment(seconds: float) -> datetime:
    """Returns the time of seconds since the epoch."""
    return datetime.fromtimestamp(seconds, UTC)
