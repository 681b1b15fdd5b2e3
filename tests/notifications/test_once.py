"""What a page's lines have in common is rendered once."""

from django.template import Context, Engine

TEMPLATES = {
    "page": "{% for line in lines %}{% include 'line' %}{% endfor %}{% include 'line' with line='last' %}",
    "line": "{% load once %}{{ line }}{% once %}[{{ costly }}]{% endonce %} ",
}
LOADER = ("django.template.loaders.locmem.Loader", TEMPLATES)
ENGINE = Engine(
    libraries={"once": "notifications.templatetags.once"},
    loaders=[("django.template.loaders.cached.Loader", [LOADER])],
)


class Costly:
    def __init__(self, text: str):
        self.text = text
        self.asked = 0

    def __str__(self) -> str:
        self.asked += 1
        return self.text


def test_what_is_the_same_on_every_line_is_rendered_once_a_page():
    page = ENGINE.get_template("page")
    costly = Costly("<button>")
    context = {"lines": ["a", "b"], "costly": costly}
    assert page.render(Context(context)) == "a[&lt;button&gt;] b[&lt;button&gt;] last[&lt;button&gt;] "
    assert costly.asked == 1
    # The next page has its own: its token, its address, its language.
    assert page.render(Context(context | {"costly": "other"})) == "a[other] b[other] last[other] "
