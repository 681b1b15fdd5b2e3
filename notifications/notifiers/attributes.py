"""The values of a row that a notifier names: by the placeholders of its texts, and by the paths of its recipients."""

from collections.abc import Iterator
from typing import Any

from django.core.exceptions import FieldDoesNotExist, ImproperlyConfigured
from django.db.models import Model
from django.utils import translation


class _Recorder(dict[str, Any]):
    """Values for a %-template that records which ones the template takes."""

    def __init__(self, **values: Any) -> None:
        super().__init__(values)
        self.taken: list[str] = []

    def __str__(self) -> str:
        # "%s" takes all values at once.
        raise ValueError("a placeholder has no name")

    def __missing__(self, name: str) -> int:
        self.taken.append(name)
        # It fits %s, %d and %.2f alike.
        return 0


def placeholders(*templates: Any) -> list[str]:
    """Returns the names in %-templates (`%(number)s`), each once and in their order, but for `count`; raises ValueError.

    templates: texts, lazy ones too; an ngettext_lazy(…, "count") is one.
    """
    recorder = _Recorder(count=1)
    # The texts as they are in the source: a translation may leave a name out.
    with translation.override(None):
        for template in templates:
            if template:
                try:
                    template % recorder
                except (TypeError, ValueError) as error:
                    raise ValueError(
                        f"{str(template)!r} is no template such as 'Invoice %(number)s': {error}"
                    ) from None
    return list(dict.fromkeys(recorder.taken))


def follow_path(row: Model, path: str) -> Any:
    """Returns the value of a dotted path (`customer.name`), with methods called; None if something on the way is None."""
    value: Any = row
    for name in path.split("."):
        value = getattr(value, name, None)
        # A related manager can be called too, but is meant itself.
        if callable(value) and not hasattr(value, "get_queryset"):
            value = value()
        if value is None:
            return None
    return value


def require_path(model: type[Model], path: str, what: str) -> None:
    """Raises ImproperlyConfigured if the path does not begin with a field or an attribute of the model."""
    name = path.partition(".")[0]
    try:
        model._meta.get_field(name)
    except FieldDoesNotExist:
        if not hasattr(model, name):
            known = ", ".join(sorted(_names_of(model)))
            raise ImproperlyConfigured(f"{what}: {model.__name__} has no {name!r}. It has {known}.") from None


def _names_of(model: type[Model]) -> Iterator[str]:
    for field in model._meta.get_fields():
        yield field.name
