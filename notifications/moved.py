"""Old import paths that documents named: each works for one release, and warns with the new path."""

import warnings
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def face(old: str, new: Mapping[str, str]) -> Callable[[str], Any]:
    """Returns a module's `__getattr__` (PEP 562) that hands on what has moved, with a DeprecationWarning.

    old: the module's own name. new: for each name that was documented, the module it is imported from now. Any other
    name raises AttributeError.
    """

    def __getattr__(name: str) -> Any:  # noqa: N807  the name that PEP 562 gives it
        if name not in new:
            raise AttributeError(f"module {old!r} has no attribute {name!r}")
        warnings.warn(
            f"{old}.{name} has moved: import it from {new[name]}; the old path goes with the next release",
            DeprecationWarning,
            stacklevel=2,
        )
        return getattr(import_module(new[name]), name)

    return __getattr__
