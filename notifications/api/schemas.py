"""The bodies of the API's requests and responses, as /api/docs describes them."""

from datetime import datetime
from typing import Annotated, Any

from ninja import Schema
from pydantic import ConfigDict, Field

from notifications.inbox import CAP, MOST_CHANGED

Position = Annotated[
    int, Field(ge=0, le=2**63 - 1, description="A position in the log: the `id` of an event on the stream.")
]
After = Annotated[
    str,
    Field(
        pattern=r"^([a-z0-9]{1,32}-)?[0-9]{1,18}$",
        description="The `epoch` and the `cursor` of the response before, as `epoch-cursor`: the id of an event on the stream."
        " A cursor alone is taken for one of the present epoch.",
        examples=["k3v9x0ab-1042"],
    ),
]
Epoch = Annotated[
    str, Field(description="The epoch of the log. It changes when the database is restored from a backup.")
]
Limit = Annotated[int, Field(ge=1, le=200)]
Positions = Annotated[list[Position], Field(min_length=1, max_length=MOST_CHANGED)]


class Problem(Schema):
    """Why a request was refused."""

    detail: str | list[dict[str, Any]]


class Strict(Schema):
    """A body that is refused where it has an unknown key: to ignore a misspelt one would hide the mistake."""

    model_config = ConfigDict(extra="forbid")


class EventMessage(Schema):
    """An event, as the stream sends it."""

    id: Position
    kind: str
    channel: str
    title: str
    body: str
    url: str
    created_at: datetime
    data: Any


class InboxItem(EventMessage):
    """An event in the inbox."""

    unread: bool


class InboxPage(Schema):
    """A page of the inbox, newest first."""

    items: list[InboxItem]
    next: Position | None = Field(description="The `before` of the next page; null on the last.")
    cursor: Position = Field(description="The log's position before the page was made: open the stream from there.")
    epoch: Epoch
    unread: int = Field(ge=0, le=CAP + 1)


class UnreadCount(Schema):
    """The number of unread events; counting stops one past the cap."""

    unread: int = Field(ge=0, le=CAP + 1)
    label: str
    cursor: Position


class EventPage(Schema):
    """Events after a cursor, in order: for clients that poll."""

    items: list[EventMessage]
    cursor: Position = Field(description="Of the next request's `after`.")
    epoch: Epoch
    reset: bool = Field(
        description="The cursor is outside of the log: load the inbox again and continue from `cursor`."
    )


class MarkPositions(Strict):
    """Events by their positions."""

    positions: Positions


class MarkThrough(Strict):
    """All events up to a position."""

    through: Position


class Ways(Strict):
    """The ways in which one kind reaches a person."""

    page: bool = True
    toast: bool = True
    desktop: bool = False
    email: bool = True
    at_once: bool | None = Field(
        None,
        description="Mailed at once, for kinds that offer it; left out, it is the kind's default if `email` is on.",
    )


Clock = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$", examples=["22:00"])]


class QuietHours(Strict):
    """Hours in the person's time zone in which events are kept, but not toasted."""

    on: bool = False
    start: Clock = Field("22:00", alias="from")
    until: Clock = "07:00"
    zone: str = Field("UTC", max_length=64)


class PreferencesIn(Strict):
    """All preferences of a person; kinds that are not named get their defaults."""

    kinds: dict[str, Ways] = Field(max_length=200)
    quiet: QuietHours
    email: bool | None = Field(None, description="Whether any email is wanted; left out, it stays as it is.")


class PreferencesOut(PreferencesIn):
    """All preferences of a person, as they are now."""

    email: bool
    quiet_now: bool


class MuteIn(Strict):
    """A channel to be muted, or unmuted."""

    channel: str = Field(max_length=100)
    muted: bool


class MuteOut(Schema):
    """Whether a channel is muted, and whether the request changed that."""

    channel: str
    muted: bool
    changed: bool
