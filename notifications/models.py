"""The log (Event, Head) and who follows it (Subscription, Reading). Written and read through log.py and inbox.py."""

from typing import Any

from django.conf import settings
from django.db import models, transaction
from django.db.models import F, Q
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from notifications import kinds


class AtomicSaves(models.Model):
    """For models whose signals append to the log: the row, its receivers and the event are one transaction.

    Without it Django commits the row before post_save runs, and a crash in between would lose the event.
    """

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Saves the row and runs the receivers of its signals in one transaction."""
        with transaction.atomic(using=kwargs.get("using")):
            super().save(*args, **kwargs)


class Head(models.Model):
    """The log's head: a single row, whose lock puts sequencers in line."""

    ID = 1

    position = models.BigIntegerField(_("last position given"), default=0)
    horizon = models.BigIntegerField(
        _("horizon"), default=0, help_text=_("Every event after this position is kept; older ones may be pruned.")
    )

    class Meta:
        verbose_name = _("log head")
        constraints = (models.CheckConstraint(condition=Q(horizon__lte=F("position")), name="head_horizon_in_log"),)

    def __str__(self) -> str:
        return f"head at {self.position}"


class Event(models.Model):
    """One thing that happened, told once to one channel, whatever the number of readers."""

    channel = models.CharField(_("channel"), max_length=100)
    kind = models.CharField(_("kind"), max_length=64)
    data = models.JSONField(_("data"), default=dict, blank=True)
    url = models.CharField(_("link"), max_length=500, blank=True)
    key = models.CharField(_("key"), max_length=200, unique=True, null=True, blank=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    # Null until the transaction that wrote the row has committed and log.sequence() has seen it.
    position = models.BigIntegerField(_("position"), unique=True, null=True, editable=False)

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
        """Its texts, in the language that is active when they are first asked for."""
        return kinds.render(self.kind, self.data)

    @property
    def title(self) -> str:
        """One line."""
        return self.text.title

    @property
    def body(self) -> str:
        """Further text; may be empty."""
        return self.text.body


class Subscription(models.Model):
    """A person's place in a channel: events after both `since` and `read_through` are unread."""

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
        # For pruning, which asks of an event whether anybody still has it unread.
        indexes = (models.Index(fields=("channel",), name="subscription_by_channel"),)

    def __str__(self) -> str:
        return f"{self.user_id} on {self.channel}"


class Reading(models.Model):
    """What a person did to one event by itself, where that differs from the subscription's `read_through`."""

    class State(models.TextChoices):
        """How the event counts now."""

        READ = "read", _("read")
        UNREAD = "unread", _("unread")
        DISMISSED = "dismissed", _("dismissed")

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("user"), on_delete=models.CASCADE, related_name="readings"
    )
    event = models.ForeignKey(Event, verbose_name=_("event"), on_delete=models.CASCADE, related_name="readings")
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.READ)
    # The log's head when it was set: marking all as read beyond it also reads what was made unread again.
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
    """A person's preferences: a document that only notifications.preferences reads and writes."""

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
    """A server process as it last reported itself (reports.py); its row goes when it ends in good order."""

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
    """Up to where a person has been told by email: one row each, whatever the number of events (digests.py)."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, verbose_name=_("user"), on_delete=models.CASCADE, related_name="notification_digest"
    )
    through = models.BigIntegerField(_("told through position"), default=0)
    sent_at = models.DateTimeField(_("last sent"), null=True)
    # Set by the run that is at it; one that was killed loses it after a while.
    claimed_at = models.DateTimeField(_("claimed"), null=True)

    class Meta:
        verbose_name = _("digest")
        verbose_name_plural = _("digests")

    def __str__(self) -> str:
        return f"digest of {self.user_id}"
