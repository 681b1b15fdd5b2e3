"""The model field of an event's data."""

from typing import Any

from django.db import models
from django.db.models.fields.json import KeyTransform

from notifications.sanitizing import read_json


class DataField(models.JSONField):
    """A JSONField that can be read whatever is in the row.

    log.append() writes only values that every reader can take. Rows of other origin (raw SQL, another release) must not stop
    the readers of the log: they get the value as sanitizing.read_json() makes it.
    """

    def deconstruct(self) -> Any:
        """Names the base class: in the database and for migrations the two are one."""
        name, _path, args, kwargs = super().deconstruct()
        return name, "django.db.models.JSONField", args, kwargs

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        """Returns the value of a row."""
        if isinstance(value, str) and not isinstance(expression, KeyTransform):
            return read_json(value)
        return super().from_db_value(value, expression, connection)
