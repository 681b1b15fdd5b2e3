"""Makes docs/reference/ from the code: `make reference`; tests/site/test_reference.py holds that the pages agree with it."""

import argparse
import ast
import inspect
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from tests.support.services import ROOT

FOLDER = ROOT / "docs" / "reference"
APP = ROOT / "notifications"
MADE = "<!-- Made from the code: `make reference`. -->\n"

# The modules that sites import or name in settings, and what they are for. None: the names of the module's __all__, or all public ones.
MODULES: dict[str, tuple[str, list[str] | None]] = {
    "notifications.notifiers": ("Which change of which model notifies whom, and in which words.", None),
    "notifications.log": ("Append events, and read them by position.", None),
    "notifications.kinds": ("Kinds of events: texts and behaviour.", ["Kind", "Text", "register", "get", "names"]),
    "notifications.saves": ("Events from saved rows.", ["notify_on_create", "call_on_change", "quietly"]),
    "notifications.deletions": ("Events of deleted rows are retracted.", ["retract_on_delete"]),
    "notifications.models": ("Base of models that notify, and the rows of the log.", ["AtomicSaves", "Event"]),
    "notifications.subscriptions": ("Channels of a user, and the permission to read one.", None),
    "notifications.preferences": ("What a user wants to be notified of.", None),
    "notifications.inbox": ("Listed, unread, read.", None),
    "notifications.stream": ("Streams of your own.", None),
    "notifications.tokens": ("Tokens for phones and scripts.", ["make"]),
    "notifications.consumers": ("Functions that get every event.", None),
    "notifications.routing": ("The ASGI application.", None),
    "notifications.defaults": ("The settings of a site.", ["configure"]),
    "notifications.middleware": ("For `MIDDLEWARE`.", None),
    "notifications.context_processors": ("For `TEMPLATES`.", None),
    "notifications.channelmanager": ("For `EVENTSTREAM_CHANNELMANAGER_CLASS`.", ["LogChannelManager"]),
    "notifications.storage": ("For `EVENTSTREAM_STORAGE_CLASS`.", ["LogStorage"]),
    "notifications.staticfiles": ("For `STORAGES`.", None),
    "notifications.tracing": ("For `LOGGING`.", ["TraceFilter"]),
    "notifications.monitoring": ("For `LOGGING`, and for views of your own.", None),
    "notifications.admin": ("For the admin of your models.", ["RetractionAdmin"]),
    "notifications.digests": ("Emails about what is unread.", None),
    "notifications.testing": ("For tests of your site.", None),
    "notifications.pytest_plugin": ("The fixtures of pytest.", ["notified", "sse_client"]),
}


def pages() -> dict[str, str]:
    """The text of each page that is made, by its name."""
    return {
        "python.md": python(),
        "settings.md": settings(),
        "commands.md": commands(),
        "urls.md": urls(),
        "checks.md": checks(),
    }


def table(heads: list[str], rows: list[list[str]]) -> str:
    lines = ["| " + " | ".join(row) + " |" for row in (heads, *rows)]
    return "\n".join([lines[0], "|" + "---|" * len(heads), *lines[1:]]) + "\n"


def one_line(text: str | None) -> str:
    """A text for a cell of a table."""
    return re.sub(r"\s+", " ", text or "").strip().replace("|", "\\|")


def first_paragraph(value: Any) -> str:
    return one_line((inspect.getdoc(value) or "").partition("\n\n")[0])


def public_names(module: str) -> list[str]:
    chosen = MODULES[module][1]
    if chosen is not None:
        return chosen
    loaded = import_module(module)
    return sorted(
        getattr(loaded, "__all__", None) or defined(Path(str(loaded.__file__))), key=lambda name: (name.isupper(), name)
    )


def defined(path: Path) -> list[str]:
    """The public functions and classes of a module."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [node.name for node in tree.body if isinstance(node, kinds) and not node.name.startswith("_")]


def python() -> str:
    parts = ["# Python\n", MADE]
    for module, (purpose, _names) in MODULES.items():
        parts.append(f"## {module}\n\n{purpose}\n")
        parts += [f"::: {module}.{name}\n" for name in public_names(module)]
    return "\n".join(parts)


def reads_of_settings() -> Iterator[tuple[str, str, str]]:
    """The name, the default and the meaning of each setting that notifications/conf.py reads."""
    for function in ast.parse((APP / "conf.py").read_text(encoding="utf-8")).body:
        if isinstance(function, ast.FunctionDef):
            for node in ast.walk(function):
                if isinstance(node, ast.Call) and ast.unparse(node.func) == "getattr":
                    yield (
                        ast.literal_eval(node.args[1]),
                        ast.unparse(node.args[2]),
                        one_line(ast.get_docstring(function)),
                    )


def settings() -> str:
    from notifications import defaults

    own = [[f"`{name}`", f"`{default}`", meaning] for name, default, meaning in sorted(reads_of_settings())]
    others = [[f"`{name}`", f"`{value}`"] for name, value in defaults.SETTINGS.items()]
    return "\n".join(
        [
            "# Settings\n",
            MADE,
            "Each is read when it is used. The environment variables of the demo's site are in the [README](../../README.md).\n",
            table(["setting", "default", "meaning"], own),
            "`notifications.defaults.configure()` sets these, unless the site has; what else it does is in",
            "[Into a site of your own](../integrating.md#what-the-lines-do).\n",
            table(["setting", "value"], others),
        ]
    )


def commands() -> str:
    from django.core.management import load_command_class
    from django.core.management.base import BaseCommand

    parts = [
        "# Commands\n",
        MADE,
        "Beside Django's own options of every command (`--settings`, `--verbosity` and others).\n",
    ]
    general = {action.dest for action in BaseCommand().create_parser("manage.py", "")._actions}
    for path in sorted((APP / "management" / "commands").glob("[!_]*.py")):
        command = load_command_class("notifications", path.stem)
        actions = [each for each in command.create_parser("manage.py", path.stem)._actions if each.dest not in general]
        parts.append(f"## {path.stem}\n\n{one_line(command.help)}\n")
        if actions:
            parts.append(table(["option", "default", "meaning"], [option(each) for each in actions]))
    return "\n".join(parts)


def option(action: argparse.Action) -> list[str]:
    takes = "" if action.nargs == 0 else f" {action.metavar or action.dest.upper()}"
    default = "" if action.nargs == 0 or action.default is None else f"`{action.default}`"
    meaning = (action.help or "").replace(" (default %(default)s)", "")
    return [f"`{', '.join(action.option_strings)}{takes}`", default, one_line(meaning)]


def urls() -> str:
    from notifications.api import api
    from notifications.urls import app_name, urlpatterns

    # routing.py answers these before Django is asked.
    streams = {
        "stream": "The reader's channels as Server-Sent Events, from the cursor in `Last-Event-ID` or `?lastEventId=`.",
        "operators_stream": "The state of all processes as Server-Sent Events, for operators alone.",
    }
    assert streams.keys() <= {pattern.name for pattern in urlpatterns}
    own = [
        [
            f"`/{pattern.pattern}`",
            f"`{app_name}:{pattern.name}`",
            streams.get(pattern.name or "") or first_paragraph(inspect.unwrap(pattern.callback)),
        ]
        for pattern in urlpatterns
    ]
    operations = [
        [
            f"`{method.upper()} {path}`",
            one_line((operation.get("description") or operation["summary"]).partition("\n\n")[0]),
        ]
        for path, methods in api.get_openapi_schema(path_prefix="/api/")["paths"].items()
        for method, operation in methods.items()
    ]
    return "\n".join(
        [
            "# URLs\n",
            MADE,
            '`include("notifications.all_urls")` at the root of a site adds all of these.\n',
            "## Pages and streams\n",
            table(["path", "name for `reverse()`", "answer"], own),
            "## JSON API\n",
            "Its full description, with the schemas, is served at `/api/docs` and `/api/openapi.json`.\n",
            table(["request", "answer"], operations),
            "## For operators\n",
            "`/metrics` has the process's metrics in the format of Prometheus ([Operating](../operating.md)).\n",
        ]
    )


def checks() -> str:
    from django.test import override_settings

    from notifications.checks.requests import check_eventstream

    rows: list[list[str]] = []
    modules = [ast.parse(path.read_text(encoding="utf-8")) for path in sorted((APP / "checks").glob("*.py"))]
    for node in (node for module in modules for node in ast.walk(module)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("Error", "Warning"):
            values = {keyword.arg: keyword.value for keyword in node.keywords}
            if isinstance(values["id"], ast.Constant):
                rows.append([text_of(values["id"]), text_of(node.args[0]), text_of(values["hint"])])
    # These differ by the setting alone.
    with override_settings(**dict.fromkeys(("EVENTSTREAM_CHANNELMANAGER_CLASS", "EVENTSTREAM_STORAGE_CLASS"))):
        rows += [[str(each.id), one_line(each.msg), one_line(each.hint)] for each in check_eventstream(None)]
    rows = [[f"`{number.removeprefix('notifications.')}`", *texts] for number, *texts in rows]
    rows.sort(key=lambda row: row[0][2:])
    return "\n".join(
        [
            "# System checks\n",
            MADE,
            "`manage.py check` reports errors (E) and warnings (W) as `notifications.E001` and so on; `manage.py check --database",
            "default` reports those that need the database too.\n",
            table(["number", "message", "what to do"], rows),
        ]
    )


def text_of(node: ast.expr) -> str:
    """A text in the source, with … for what is known only where it runs."""
    if isinstance(node, ast.JoinedStr):
        parts = [str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values]
        return one_line("".join(parts))
    return one_line(str(node.value) if isinstance(node, ast.Constant) else "…")


def write() -> None:
    """Writes the pages."""
    for name, text in pages().items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    import django

    django.setup()
    write()
