"""URLs of the blog."""

from django.urls import path

from blog import views

app_name = "blog"

urlpatterns = [
    path("posts/", views.posts, name="posts"),
    path("posts/<int:pk>/", views.post, name="post"),
    path("authors/<str:username>/", views.author, name="author"),
    path("authors/<str:username>/follow/", views.follow, name="follow"),
    path("authors/<str:username>/unfollow/", views.unfollow, name="unfollow"),
]
