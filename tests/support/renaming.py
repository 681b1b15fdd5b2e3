"""Another release of a package: one that has an attribute by another name."""

import sys
from types import FunctionType


class Renamed:
    """An attribute that a package still has, by another name: only this project's code does not find it."""

    def __init__(self, owner, name: str):
        self.name, self.usual = name, vars(owner).get(name) or getattr(owner, name, None)

    def __get__(self, instance, owner=None):
        if sys._getframe(1).f_globals["__name__"].startswith("notifications."):
            raise AttributeError(self.name)
        if instance is not None and self.name in vars(instance):
            return vars(instance)[self.name]
        return self.usual.__get__(instance, owner) if isinstance(self.usual, FunctionType) else self.usual

    def __set__(self, instance, value):
        vars(instance)[self.name] = value

    def __delete__(self, instance):
        del vars(instance)[self.name]


def rename(monkeypatch, owner, name: str) -> None:
    monkeypatch.setattr(owner, name, Renamed(owner, name), raising=False)
