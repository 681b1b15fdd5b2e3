"""The blog's pages. Only its author can see a draft; every change is a POST."""

from django.contrib.auth import get_user_model
from django.contrib.auth.decorators import login_required
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST

from blog.models import Follow, Post
from notifications.middleware import AuthenticatedRequest

# Posts on a page; the pages of their authors have the older ones.
LISTED = 50


@require_GET
def posts(request: HttpRequest) -> HttpResponse:
    """The newest posts of all authors."""
    return render(request, "blog/posts.html", {"posts": Post.objects.published().select_related("author")[:LISTED]})


@require_GET
def post(request: HttpRequest, pk: int) -> HttpResponse:
    """One post; a draft only for its author."""
    found = get_object_or_404(Post.objects.select_related("author"), pk=pk)
    if not found.is_published and found.author_id != request.user.pk:
        found = get_object_or_404(Post.objects.published(), pk=pk)
    return render(request, "blog/post.html", {"post": found})


@require_GET
def author(request: HttpRequest, username: str) -> HttpResponse:
    """An author's posts, with the buttons to follow and unfollow."""
    found = get_object_or_404(get_user_model(), username=username, is_active=True)
    context = {
        "author": found,
        "posts": Post.objects.published().filter(author=found).select_related("author")[:LISTED],
        "is_self": found == request.user,
        "is_following": request.user.is_authenticated
        and Follow.objects.filter(follower=request.user, author=found).exists(),
        "follower_count": Follow.objects.filter(author=found).count(),
    }
    return render(request, "blog/author.html", context)


@require_POST
@login_required
def follow(request: AuthenticatedRequest, username: str) -> HttpResponse:
    """Follows an author; a second request changes nothing."""
    found = get_object_or_404(get_user_model(), username=username, is_active=True)
    if found == request.user:
        raise BadRequest("nobody can follow themselves")
    Follow.objects.get_or_create(follower=request.user, author=found)
    return redirect("blog:author", username)


@require_POST
@login_required
def unfollow(request: AuthenticatedRequest, username: str) -> HttpResponse:
    """Stops following an author; a second request changes nothing."""
    found = get_object_or_404(get_user_model(), username=username)
    Follow.objects.filter(follower=request.user, author=found).delete()
    return redirect("blog:author", username)
