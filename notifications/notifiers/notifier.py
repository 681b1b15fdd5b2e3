"""The base class of notifiers."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any, ClassVar

from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.db.models import Model

from notifications import deletions, kinds, log
from notifications.kinds import Kind
from notifications.models import Event
from notifications.notifiers.attributes import follow_path, placeholders, require_path
from notifications.notifiers.moments import Moment, created
from notifications.notifiers.recipients import channels_of_row, check_recipients
from notifications.saves import plain

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

# An upper-case letter that begins a word: InvoiceSent is invoice_sent and "Invoice sent".
WORD = re.compile(r"(?<!^)(?<![A-Z])(?=[A-Z])")


class Notifier:
    """Notifies of what happens to the rows of a model. A subclass is connected when it is made, and is never instantiated.

    Declare it in a module `notifiers` of an installed app, which is imported when the apps are ready:

        class InvoiceSent(Notifier):
            model = Invoice
            when = changed("status", to="sent")
            title = _("Invoice %(number)s was sent")
            to = "customer"

    `class OfInvoice(Notifier, abstract=True)` is a base for others: it is neither a kind nor connected.

    Attributes:
        model: the class, or "app.Model". Derive the model from AtomicSaves, so that a row and its events are one transaction.
        when: created (so if nothing is said), changed(…), or a tuple of these; () if notify() alone is to append events.
        to: the recipients. A path to a user or users ("customer", "order.buyer", "watchers"), a channel ("depot:3",
            "author:%(author_id)s"), EVERYBODY, FOLLOWERS, followers_of(path), a function from a row to a user, a channel, None
            or several of these, or a list of all these.
        title, body, grouped, prepare, terminal, listed, required, email_at_once: as in Kind.
        name: the kind's; else of the app and the class: "invoices.invoice_sent".
        label: the kind's, as settings list it; else of the class: "Invoice sent".
        fields: the paths whose values the event holds; else those that the texts name. With `prepare` the texts name what that
            makes, so `fields` or data() is needed.
        retract_deleted: whether the events of a row that is deleted are retracted.

    Methods to override, each a classmethod: data(), link(), key(). Raises ImproperlyConfigured if a class cannot work.
    """

    model: ClassVar[Any] = None
    when: ClassVar[Moment | tuple[Moment, ...]] = created
    to: ClassVar[Any] = None
    title: "ClassVar[StrOrPromise]" = ""
    body: "ClassVar[StrOrPromise]" = ""
    grouped: "ClassVar[StrOrPromise]" = ""
    prepare: ClassVar[Callable[[Mapping[str, Any]], Mapping[str, Any]] | None] = None
    terminal: ClassVar[bool] = False
    listed: ClassVar[bool] = True
    required: ClassVar[bool] = False
    email_at_once: ClassVar[bool] = False
    name: ClassVar[str] = ""
    label: "ClassVar[StrOrPromise]" = ""
    fields: ClassVar[Sequence[str]] = ()
    retract_deleted: ClassVar[bool] = True
    # Set when the class is made.
    kind: ClassVar[Kind]
    _paths: ClassVar[Sequence[str]]

    def __init_subclass__(cls, *, abstract: bool = False, **kwargs: Any) -> None:
        """abstract: the class is a base for others, neither a kind nor connected."""
        super().__init_subclass__(**kwargs)
        if not abstract:
            cls._connect()

    @classmethod
    def notify(cls, *rows: Any) -> None:
        """Appends the events of these rows; those that are in the log already are not written again.

        Call it for rows that were written without signals (QuerySet.update(), bulk_create(), quietly()).
        """
        log.append_all(chain.from_iterable(map(cls.events, rows)))

    @classmethod
    def retract(cls, *rows: Any) -> None:
        """Retracts the events of these rows, for the recipients that they have now."""
        if keys := list(chain.from_iterable(map(cls.keys, rows))):
            log.retract(*keys)

    @classmethod
    def events(cls, row: Any) -> Iterator[Event]:
        """Yields the events of a row, unsaved: one for each channel of `to`."""
        data = cls.data(row)
        for channel in channels_of_row(cls.to, row):
            url = cls.link(row, channel)
            yield Event(channel=channel, kind=cls.kind.name, data=data, url=url, key=cls.key(row, channel))

    @classmethod
    def keys(cls, row: Any) -> Iterator[str]:
        """Yields the keys of a row's events."""
        return (cls.key(row, channel) for channel in channels_of_row(cls.to, row))

    @classmethod
    def data(cls, row: Any) -> dict[str, Any]:
        """Returns an event's data: the values that the texts name."""
        return {path: plain(follow_path(row, path)) for path in cls._paths}

    @classmethod
    def link(cls, row: Any, channel: str) -> str:
        """Returns the path of this site that an event in the channel leads to: get_absolute_url(), if the row has that."""
        link = getattr(row, "get_absolute_url", None)
        return str(link()) if link else ""

    @classmethod
    def key(cls, row: Any, channel: str) -> str:
        """Returns the key of a row's event in a channel. It admits one: a second change to the same value notifies no one."""
        return f"{cls.kind.name}:{row.pk}:{channel}"

    @classmethod
    def _connect(cls) -> None:
        model = cls.model = cls._model()
        # A name is a class's own: one that inherits from a notifier is another kind.
        name = cls.name = vars(cls).get("name") or f"{model._meta.app_label}.{WORD.sub('_', cls.__name__).lower()}"
        check_recipients(model, cls.to, cls.__name__)
        cls._paths = cls._checked_paths(model)
        cls.kind = kinds.register(
            Kind(
                name,
                label=cls.label or WORD.sub(" ", cls.__name__).capitalize(),
                title=cls.title,
                body=cls.body,
                prepare=cls.prepare,
                grouped=cls.grouped,
                terminal=cls.terminal,
                listed=cls.listed,
                required=cls.required,
                email_at_once=cls.email_at_once,
            )
        )
        moments: tuple[Any, ...] = cls.when if isinstance(cls.when, tuple) else (cls.when,)
        for number, moment in enumerate(moments):
            if not hasattr(moment, "connect"):
                raise ImproperlyConfigured(
                    f"{cls.__name__}.when is {moment!r}: it is created, changed(…), or a tuple of these."
                )
            moment.connect(
                model, notify=cls.notify, withdraw=cls.retract, uid=f"notifications.notifiers.{name}.{number}"
            )
        if cls.retract_deleted:
            deletions.retract_on_delete(model, cls.keys)
        _connected.append(cls)

    @classmethod
    def _model(cls) -> type[Model]:
        if not apps.models_ready:
            raise ImproperlyConfigured(
                f"{cls.__name__} is made too early: declare it in a module `notifiers` of an app."
            )
        try:
            model = apps.get_model(cls.model) if isinstance(cls.model, str) else cls.model
        except (LookupError, ValueError) as error:
            raise ImproperlyConfigured(f"{cls.__name__}.model: {error}") from None
        if not (isinstance(model, type) and issubclass(model, Model)):
            raise ImproperlyConfigured(f"{cls.__name__}.model is {model!r}: it is a model, or 'app.Model'.")
        return model

    @classmethod
    def _checked_paths(cls, model: type[Model]) -> Sequence[str]:
        """Returns the paths of the values that an event holds."""
        what = cls.__name__
        if cls.data.__func__ is not Notifier.data.__func__:  # type: ignore[attr-defined]
            return ()
        if not cls.title:
            raise ImproperlyConfigured(f"{what}.title is missing: the text of the notification.")
        try:
            named = placeholders(cls.title, cls.body, cls.grouped)
        except ValueError as error:
            raise ImproperlyConfigured(f"{what}: {error}") from None
        if not cls.fields and cls.prepare is not None:
            raise ImproperlyConfigured(f"{what} has `prepare`: name in `fields` what an event holds of a row.")
        fields = list(dict.fromkeys(cls.fields)) or named
        if missing := [] if cls.prepare is not None else [name for name in named if name not in fields]:
            raise ImproperlyConfigured(f"{what}: its texts name {', '.join(missing)}, which `fields` has not.")
        for path in fields:
            require_path(model, path, what)
        return fields


# The notifiers that are connected, for the system check.
_connected: list[type[Notifier]] = []


def connected_notifiers() -> Sequence[type[Notifier]]:
    """Returns the notifiers that are connected, in the order in which they were made."""
    return tuple(_connected)
