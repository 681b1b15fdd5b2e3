"""What the API takes and gives (OpenAPI: /api/docs)."""

from datetime import datetime
from typing import Annotated, Any, Literal

from ninja import Schema
from pydantic import ConfigDict, Field

from notifications.inbox import CAP, MOST_CHANGED

Position = Annotated[int, Field(ge=0, le=2**63 - 1, description="A place in the log; `id` of an event on the stream.")]
Positions = Annotated[list[Position], Field(min_length=1, max_length=MOST_CHANGED)]


class Problem(Schema):
    """Why a request was refused."""

    detail: str | list[dict[str, Any]]


class Strict(Schema):
    """A body in which an unknown name is a mistake, not a wish that goes unheard."""

    model_config = ConfigDict(extra="forbid")


class Message(Schema):
    """An event, as the stream sends it."""

    id: Position
    kind: str
    channel: str
    title: str
    body: str
    url: str
    created_at: datetime
    data: Any


class Item(Message):
    """A line of the inbox."""

    unread: bool


class Inbox(Schema):
    """A page of the inbox, newest first."""

    items: list[Item]
    next: Position | None = Field(description="The `before` of the next page; null on the last.")
    cursor: Position = Field(description="The log's position before the page was made: open the stream from there.")
    unread: int = Field(ge=0, le=CAP + 1)


class Unread(Schema):
    """How much is unread; counting stops one past the cap."""

    unread: int = Field(ge=0, le=CAP + 1)
    label: str
    cursor: Position


class Events(Schema):
    """What happened after a cursor, in order: the polling path."""

    items: list[Message]
    cursor: Position = Field(description="The next request's `after`.")
    reset: bool = Field(description="The cursor was too old: load the inbox anew and go on from this one.")


class These(Strict):
    """Some events."""

    positions: Positions


class Through(Strict):
    """All events up to one."""

    through: Position


class Ways(Strict):
    """How one kind reaches a person."""

    page: bool = True
    toast: bool = True
    desktop: bool = False
    email: bool = True


Clock = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$", examples=["22:00"])]


class QuietHours(Strict):
    """Hours in the person's time zone in which what happens is kept, but not toasted."""

    on: bool = False
    start: Clock = Field("22:00", alias="from")
    until: Clock = "07:00"
    zone: str = Field("UTC", max_length=64)


class PreferencesIn(Strict):
    """All of a person's choices; kinds that are not named get their defaults."""

    kinds: dict[str, Ways] = Field(max_length=200)
    quiet: QuietHours
    email: bool | None = Field(None, description="Whether any email is wanted; left out, it stays as it is.")


class Preferences(PreferencesIn):
    """A person's choices as they hold now."""

    email: bool
    quiet_now: bool


class Mute(Strict):
    """A channel to be silent, or to speak again."""

    channel: str = Field(max_length=100)
    muted: bool


class Muted(Schema):
    """How a channel stands."""

    channel: str
    muted: bool
    changed: bool


Limit = Annotated[int, Field(ge=1, le=200)]
Show = Literal["all", "unread"]
