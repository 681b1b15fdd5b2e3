"""Posts, and follows of their authors."""

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy as _

from notifications.models import AtomicSaves


class PostQuerySet(models.QuerySet["Post"]):
    def published(self) -> "PostQuerySet":
        """Posts that every reader may see."""
        return self.filter(status=Post.Status.PUBLISHED)


class Post(AtomicSaves):
    """A post of an author; followers are notified once, when it is first published."""

    class Status(models.TextChoices):
        DRAFT = "draft", _("draft")
        PUBLISHED = "published", _("published")

    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("author"), on_delete=models.CASCADE, related_name="posts"
    )
    title = models.CharField(_("title"), max_length=200)
    body = models.TextField(_("text"), blank=True)
    status = models.CharField(_("status"), max_length=10, choices=Status.choices, default=Status.DRAFT)
    published_at = models.DateTimeField(_("published"), null=True, blank=True, editable=False)

    objects = PostQuerySet.as_manager()

    class Meta:
        verbose_name = _("post")
        verbose_name_plural = _("posts")
        ordering = ("-published_at", "-pk")
        constraints = (
            models.CheckConstraint(condition=~Q(title=""), name="post_has_title"),
            models.CheckConstraint(condition=Q(status__in=("draft", "published")), name="post_status_known"),
            models.CheckConstraint(
                condition=Q(status="draft") | Q(published_at__isnull=False), name="post_published_with_time"
            ),
        )

    def __str__(self) -> str:
        return self.title

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Sets `published_at` when the post is first published, and saves."""
        if self.is_published and self.published_at is None:
            self.published_at = timezone.now()
            fields = kwargs.get("update_fields")
            if fields is not None:
                kwargs["update_fields"] = {*fields, "published_at"}
        super().save(*args, **kwargs)

    def get_absolute_url(self) -> str:
        return reverse("blog:post", args=[self.pk])

    @property
    def is_published(self) -> bool:
        """Whether every reader may see the post."""
        return self.status == self.Status.PUBLISHED

    @property
    def excerpt(self) -> str:
        """The first 200 characters of the text."""
        return Truncator(self.body).chars(200)


class Follow(AtomicSaves):
    """A follower's interest in an author, once for each pair."""

    follower = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("follower"), on_delete=models.CASCADE, related_name="following"
    )
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("author"), on_delete=models.CASCADE, related_name="followers"
    )
    created_at = models.DateTimeField(_("since"), auto_now_add=True)

    class Meta:
        verbose_name = _("follow")
        verbose_name_plural = _("follows")
        constraints = (
            models.UniqueConstraint(fields=("follower", "author"), name="follow_once"),
            models.CheckConstraint(
                condition=~Q(follower=F("author")),
                name="follow_not_self",
                violation_error_message=_("Nobody can follow themselves."),
            ),
        )

    def __str__(self) -> str:
        return f"{self.follower} → {self.author}"
