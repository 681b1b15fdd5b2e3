"""The tables of this app. Only `log` writes Event and Head, `subscriptions` Subscription, `inbox` Reading."""

from typing import Any

from django.conf import settings
from django.db import models, router, transaction
from django.db.models import F, Q
from django.utils.crypto import get_random_string
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from notifications import kinds
from notifications.fields import DataField
from notifications.sanitizing import local_path


class AtomicSaves(models.Model):
    """Base of models whose signals append to the log: the row, the receivers of its signals and the event are one transaction.

    Without it, Django commits the row before post_save is sent, and a crash between the two loses the event.
    """

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Saves the row and runs the receivers of its signals in one transaction of the row's database."""
        using = kwargs.get("using") or router.db_for_write(type(self), instance=self)
        with transaction.atomic(using=using):
            super().save(*args, **kwargs)


def new_epoch() -> str:
    """Returns an epoch that no log has had."""
    return get_random_string(8, "abcdefghijklmnopqrstuvwxyz0123456789")


class Head(models.Model):
    """The head of the log: a single row. Its lock lets one sequencer work at a time."""

    ID = 1

    position = models.BigIntegerField(_("last position given"), default=0)
    horizon = models.BigIntegerField(
        _("horizon"), default=0, help_text=_("Every event after this position is kept; older ones may be pruned.")
    )
    # Of the log as a whole: a restored database gets another one (log/cursors.py).
    epoch = models.CharField(_("epoch"), max_length=32, default=new_epoch, editable=False)

    class Meta:
        verbose_name = _("log head")
        constraints = (models.CheckConstraint(condition=Q(horizon__lte=F("position")), name="head_horizon_in_log"),)

    def __str__(self) -> str:
        return f"head at {self.position}"


class Event(models.Model):
    """One event of one channel: a single row, whatever the number of its readers."""

    channel = models.CharField(_("channel"), max_length=100)
    kind = models.CharField(_("kind"), max_length=64)
    data = DataField(_("data"), default=dict, blank=True)
    url = models.CharField(_("link"), max_length=500, blank=True)
    key = models.CharField(_("key"), max_length=200, unique=True, null=True, blank=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    # Null until the transaction that wrote the row has committed and log.sequence() has seen it.
    position = models.BigIntegerField(_("position"), unique=True, null=True, editable=False)
    # Set by log.retract(): the event keeps its position and its key, and no reader shows it.
    retracted_at = models.DateTimeField(_("retracted"), null=True, editable=False)

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")
        indexes = (
            models.Index(fields=("channel", "position"), name="event_by_channel"),
            models.Index(fields=("id",), name="event_unsequenced", condition=Q(position__isnull=True)),
            models.Index(fields=("created_at",), name="event_by_age"),
        )
        constraints = (
            models.CheckConstraint(condition=~Q(channel="") & ~Q(kind=""), name="event_has_channel_and_kind"),
            models.CheckConstraint(
                condition=Q(position__gt=0) | Q(position__isnull=True), name="event_position_positive"
            ),
        )

    def __str__(self) -> str:
        return f"{self.position or '-'} {self.channel} {self.kind}"

    @cached_property
    def text(self) -> kinds.Text:
        """The event's texts, in the language that is active at the first access."""
        return kinds.render(self.kind, self.data)

    @property
    def link(self) -> str:
        """The link; empty unless it is a path of this site, whatever is in the row."""
        return local_path(self.url)

    @property
    def title(self) -> str:
        """The first line of the text."""
        return self.text.title

    @property
    def body(self) -> str:
        """The text below the title; may be empty."""
        return self.text.body


class Subscription(models.Model):
    """A user's subscription to a channel. Events after both `since` and `read_through` are unread."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("user"), on_delete=models.CASCADE, related_name="subscriptions"
    )
    channel = models.CharField(_("channel"), max_length=100)
    since = models.BigIntegerField(_("since position"), default=0)
    read_through = models.BigIntegerField(_("read through position"), default=0)
    muted = models.BooleanField(_("muted"), default=False)

    class Meta:
        verbose_name = _("subscription")
        verbose_name_plural = _("subscriptions")
        constraints = (
            models.UniqueConstraint(fields=("user", "channel"), name="subscription_once"),
            models.CheckConstraint(condition=Q(since__gte=0, read_through__gte=0), name="subscription_in_log"),
        )
        # For pruning, which keeps an event while a subscriber of its channel has it unread.
        indexes = (models.Index(fields=("channel",), name="subscription_by_channel"),)

    def __str__(self) -> str:
        return f"{self.user_id} on {self.channel}"


class Reading(models.Model):
    """The state of one event for one user, where it differs from what the subscription's `read_through` says."""

    class State(models.TextChoices):
        """The state that the user gave to the event."""

        READ = "read", _("read")
        UNREAD = "unread", _("unread")
        DISMISSED = "dismissed", _("dismissed")

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("user"), on_delete=models.CASCADE, related_name="readings"
    )
    event = models.ForeignKey(Event, verbose_name=_("event"), on_delete=models.CASCADE, related_name="readings")
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.READ)
    # The log's head when the state was set. "Mark all as read" beyond it also reads an event that was made unread before.
    since = models.BigIntegerField(_("since position"), default=0)

    class Meta:
        verbose_name = _("reading")
        verbose_name_plural = _("readings")
        constraints = (
            models.UniqueConstraint(fields=("user", "event"), name="reading_once"),
            models.CheckConstraint(condition=Q(state__in=("read", "unread", "dismissed")), name="reading_state_known"),
        )

    def __str__(self) -> str:
        return f"{self.user_id} {self.state} {self.event_id}"


class Preference(models.Model):
    """A user's preferences, as a document that only notifications.preferences reads and writes."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, verbose_name=_("user"), on_delete=models.CASCADE, related_name="preference"
    )
    choices = models.JSONField(_("choices"), default=dict, blank=True)
    language = models.CharField(_("language"), max_length=20, blank=True)

    class Meta:
        verbose_name = _("preference")
        verbose_name_plural = _("preferences")

    def __str__(self) -> str:
        return f"preferences of {self.user_id}"


class ServerProcess(models.Model):
    """The last report of a server process (monitoring/heartbeat.py). A process that shuts down deletes its row."""

    name = models.CharField(_("process"), max_length=100, unique=True)
    started_at = models.DateTimeField(_("started"))
    reported_at = models.DateTimeField(_("last report"))
    figures = models.JSONField(_("figures"), default=dict)

    class Meta:
        verbose_name = _("server process")
        verbose_name_plural = _("server processes")

    def __str__(self) -> str:
        return self.name


class Digest(models.Model):
    """The position up to which a user was mailed (digests/): one row for each user, whatever the number of events."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, verbose_name=_("user"), on_delete=models.CASCADE, related_name="notification_digest"
    )
    through = models.BigIntegerField(_("told through position"), default=0)
    sent_at = models.DateTimeField(_("last sent"), null=True)
    # Set by the run that mails this user. The claim of a run that was killed expires.
    claimed_at = models.DateTimeField(_("claimed"), null=True)

    class Meta:
        verbose_name = _("digest")
        verbose_name_plural = _("digests")

    def __str__(self) -> str:
        return f"digest of {self.user_id}"


class ConsumerCursor(models.Model):
    """How far a consumer (consumers/) has handled the log, and which process handles it now."""

    name = models.CharField(_("consumer"), max_length=100, unique=True)
    epoch = models.CharField(_("epoch"), max_length=32)
    # Every event up to here was handled, set aside, retracted before it was handled, or is of no interest.
    position = models.BigIntegerField(_("handled through position"))
    # The end of the batch that was begun last: where it is past `position`, that batch was not completed.
    begun = models.BigIntegerField(_("begun through position"), default=0)
    # How often the event behind `position` was begun by itself, and what the function has stored of its work on it.
    tries = models.PositiveIntegerField(_("tries"), default=0)
    progress = models.BigIntegerField(_("progress"), default=0)
    retry_at = models.DateTimeField(_("next try"), null=True)
    error = models.CharField(_("last error"), max_length=500, blank=True)
    set_aside = models.PositiveIntegerField(_("events set aside"), default=0)
    # The lease: of the process that handles the events, until a time of the database's clock.
    holder = models.CharField(_("process"), max_length=100, blank=True)
    held_until = models.DateTimeField(_("held until"), null=True)

    class Meta:
        verbose_name = _("consumer")
        verbose_name_plural = _("consumers")

    def __str__(self) -> str:
        return f"{self.name} at {self.position}"


class ImmediateEmail(models.Model):
    """One event that is mailed at once to one person (mailing/). The row stays as long as the event: no email is sent twice."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("user"), on_delete=models.CASCADE, related_name="+"
    )
    event = models.ForeignKey(Event, verbose_name=_("event"), on_delete=models.CASCADE, related_name="+")
    due_at = models.DateTimeField(_("due"))
    # Set by the process that sends it. The claim of a process that was killed expires.
    claimed_at = models.DateTimeField(_("claimed"), null=True)
    tries = models.PositiveIntegerField(_("tries"), default=0)
    # Set once it was sent, or is not to be sent any more: it was read, or switched off, or refused again and again.
    settled_at = models.DateTimeField(_("settled"), null=True)
    was_sent = models.BooleanField(_("sent"), default=False)

    class Meta:
        verbose_name = _("email at once")
        verbose_name_plural = _("emails at once")
        constraints = (models.UniqueConstraint(fields=("user", "event"), name="immediate_email_once"),)
        indexes = (models.Index(fields=("due_at",), name="immediate_email_due", condition=Q(settled_at=None)),)

    def __str__(self) -> str:
        return f"email to {self.user_id} about {self.event_id}"
