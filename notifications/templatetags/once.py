"""`{% once %} … {% endonce %}`: what is the same wherever it appears on a page is rendered where it first appears."""

from typing import Any

from django import template
from django.template.base import Node, NodeList, Parser, Token
from django.template.context import Context
from django.utils.safestring import SafeString

register = template.Library()


@register.tag
def once(parser: Parser, token: Token) -> Node:
    """Renders its content once a page, and repeats the text from then on.

    For what each of fifty lines has and none has its own, such as the buttons of a form. The content may depend on the
    page's request, on nothing of the line's.
    """
    content = parser.parse(("endonce",))
    parser.delete_first_token()
    return OnceNode(content)


class OnceNode(Node):
    """The content, and the place of its text in what a page keeps while it is rendered."""

    def __init__(self, content: NodeList) -> None:
        self.nodelist = content

    def render(self, context: Context) -> SafeString:
        """Returns the text."""
        # The page's own: render_context shows each included template a layer of its own.
        kept: dict[Any, Any] = context.render_context.dicts[0]
        if self not in kept:
            kept[self] = self.nodelist.render(context)
        text: SafeString = kept[self]
        return text
