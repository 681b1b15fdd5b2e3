"""What a notifier that cannot work says when its class is made."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from blog.models import Post
from notifications.notifiers import EVERYBODY, FOLLOWERS, Notifier, changed, created


@pytest.mark.parametrize(
    ("attributes", "reason"),
    [
        ({"model": "blog.Nothing"}, r"Wrong\.model: App 'blog' doesn't have a 'Nothing' model"),
        ({"model": "Post"}, r"Wrong\.model: "),
        ({"model": None}, r"Wrong\.model is None: it is a model, or 'app\.Model'"),
        ({"title": ""}, r"Wrong\.title is missing"),
        ({"title": "%(headline)s"}, r"Wrong: Post has no 'headline'\. It has author, body"),
        ({"title": "100 %"}, r"Wrong: '100 %' is no template"),
        ({"title": "%s"}, r"Wrong: '%s' is no template"),
        ({"fields": ("body",)}, r"Wrong: its texts name title, which `fields` has not"),
        ({"prepare": dict}, r"Wrong has `prepare`: name in `fields`"),
        ({"to": "writer"}, r"Wrong\.to: Post has no 'writer'"),
        ({"to": "author:%(writer_id)s"}, r"Wrong\.to: Post has no 'writer_id'"),
        ({"to": None}, r"Wrong\.to is None: it is a path to users"),
        ({"to": ["author", 7]}, r"Wrong\.to is 7"),
        ({"when": "created"}, r"Wrong\.when is 'created'"),
        ({"when": changed("state", to="x")}, r"Post has no field 'state'"),
    ],
)
def test_a_class_that_cannot_work_says_what_to_do_when_it_is_made(attributes, reason):
    right = {"model": Post, "when": created, "title": "%(title)s", "to": "author"}
    with pytest.raises(ImproperlyConfigured, match=reason):
        type("Wrong", (Notifier,), right | attributes)


def test_withdrawing_needs_a_value_that_can_be_left():
    with pytest.raises(ImproperlyConfigured, match="needs `to`"):
        changed("status", withdraw=True)


def test_two_notifiers_of_one_name_are_refused():
    right = {"model": Post, "when": created, "title": "%(title)s", "to": "author"}
    type("PostWritten", (Notifier,), right)
    with pytest.raises(ValueError, match="registered already"):
        type(
            "Other",
            (Notifier,),
            {"model": Post, "when": created, "title": "Other", "to": EVERYBODY, "name": "blog.post_written"},
        )


def test_a_class_before_the_apps_are_ready_says_where_it_belongs(monkeypatch):
    from django.apps import apps

    monkeypatch.setattr(apps, "models_ready", False)
    with pytest.raises(ImproperlyConfigured, match="declare it in a module `notifiers`"):
        type("Early", (Notifier,), {"model": "blog.Post", "when": created, "title": "x", "to": FOLLOWERS})
