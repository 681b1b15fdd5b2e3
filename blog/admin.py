"""The blog in the admin: posts, with an action that publishes them, and follows."""

from django.contrib import admin, messages
from django.contrib.auth import get_user_model
from django.contrib.auth.admin import UserAdmin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from blog.models import Follow, Post
from notifications.admin import RetractionAdmin


@admin.action(description=_("Publish"), permissions=["change"])
def publish(modeladmin: admin.ModelAdmin, request: HttpRequest, posts: QuerySet[Post]) -> None:
    """Publishes the chosen drafts, each by save(), which notifies the author's followers."""
    drafts = list(posts.filter(status=Post.Status.DRAFT))
    for post in drafts:
        post.status = Post.Status.PUBLISHED
        post.save(update_fields=["status"])
    count = len(drafts)
    messages.success(request, ngettext("%d post published.", "%d posts published.", count) % count)


@admin.register(Post)
class PostAdmin(RetractionAdmin):
    list_display = ("title", "author", "status", "published_at")
    list_filter = ("status", "published_at")
    list_select_related = ("author",)
    search_fields = ("title", "author__username")
    autocomplete_fields = ("author",)
    readonly_fields = ("published_at",)
    actions = (publish,)


@admin.register(Follow)
class FollowAdmin(admin.ModelAdmin):
    list_display = ("follower", "author", "created_at")
    list_select_related = ("follower", "author")
    search_fields = ("follower__username", "author__username")
    autocomplete_fields = ("follower", "author")


admin.site.unregister(get_user_model())


@admin.register(get_user_model())
class PersonAdmin(RetractionAdmin, UserAdmin):
    """People. Deleting an author deletes posts that readers were notified of."""
