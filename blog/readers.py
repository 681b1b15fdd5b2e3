"""Figures for the dashboards of authors and readers: followers, posts, and the feed."""

from dataclasses import dataclass
from datetime import datetime, time
from typing import Any

from django.db.models import Count, Q
from django.utils import timezone

from blog.models import Follow, Post, PostQuerySet


@dataclass(frozen=True, slots=True)
class Standing:
    """An author's figures: posts and followers."""

    followers: int
    followers_today: int
    post_count: int
    draft_count: int
    posts: PostQuerySet


def standing_of(author: Any) -> Standing | None:
    """Returns an author's figures; None for a user without posts and without followers."""
    local = timezone.localtime()
    midnight = datetime.combine(local.date(), time(), tzinfo=local.tzinfo)
    followers = Follow.objects.filter(author=author).aggregate(
        followers=Count("pk"), followers_today=Count("pk", filter=Q(created_at__gte=midnight))
    )
    counts = Post.objects.filter(author=author).aggregate(
        post_count=Count("pk", filter=Q(status=Post.Status.PUBLISHED)),
        draft_count=Count("pk", filter=Q(status=Post.Status.DRAFT)),
    )
    if not any((*followers.values(), *counts.values())):
        return None
    return Standing(**followers, **counts, posts=Post.objects.published().filter(author=author))


def feed_of(reader: Any) -> PostQuerySet | None:
    """Returns the posts of the authors that a user follows; None if the user follows no author."""
    if not Follow.objects.filter(follower=reader).exists():
        return None
    return Post.objects.published().filter(author__followers__follower=reader).select_related("author")
