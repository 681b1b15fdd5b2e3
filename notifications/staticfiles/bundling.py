"""Bundles a script or a style sheet with all that it imports.

Not a general bundler: it knows the forms of import and export that this app's modules use, and raises BundleError on any
other. Both kinds of bundle keep the order in which a browser would run the modules or apply the sheets.

Each module of a script becomes a function that returns the module's exports, so that its names meet no other module's.
This is equal to separate modules as long as imports make no circle and an exported variable is a constant. An import or
export begins its line, and no line of a comment or template begins like one.
"""

import posixpath
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

# Returns the text of a source by its name, or None where there is none.
Read = Callable[[str], str | None]

IMPORT = re.compile(r'^import (?:\{(?P<names>[^{}]*)\} from )?"(?P<path>\.\.?/[^"]+)";\n', re.MULTILINE)
EXPORT = re.compile(r"^export (?=(?:const|class|(?:async )?function\*?) (?P<name>[\w$]+))", re.MULTILINE)
# What is left of these once the known forms are gone would not run in a function, or do something else there.
UNKNOWN = re.compile(r"^\s*(?:import|export)\b.*|\bimport\s*[(.].*|^(?![\s/*]).*\bawait\b.*", re.MULTILINE)

SHEET = re.compile(r'^@import "(?P<path>[^":]+)";\n', re.MULTILINE)
UNKNOWN_IN_SHEET = re.compile(r"@(?:import|charset|namespace)\b.*")
RELATIVE = re.compile(r"url\((?!['\"]?(?:data:|/)).*")
COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)


class BundleError(ValueError):
    """A source cannot be bundled; the message names it and says why."""


class ModuleSource(NamedTuple):
    name: str
    text: str


class Module(NamedTuple):
    variable: str
    exports: list[str]


def bundle(entry: str, read: Read) -> str:
    """Returns one text that does what the entry point does with its imports. Names are those of static files.

    Raises BundleError.
    """
    return bundle_sheets(entry, read) if entry.endswith(".css") else bundle_modules(entry, read)


def bundle_modules(entry: str, read: Read) -> str:
    modules: dict[str, Module] = {}
    parts = []
    for name, text in in_order(entry, read, IMPORT):
        module = Module(f"$module{len(modules)}", [match["name"] for match in EXPORT.finditer(text)])
        body = EXPORT.sub("", IMPORT.sub(partial(constants, name, modules), text)).rstrip("\n")
        refuse_form(UNKNOWN, name, body)
        returned = f"return {{ {', '.join(module.exports)} }};\n" if module.exports else ""
        parts.append(f"/* {name} */\nconst {module.variable} = (() => {{\n{body}\n{returned}}})();\n")
        modules[name] = module
    if modules[entry].exports:
        raise BundleError(f"{entry} is an entry point: what it exports would be out of reach.")
    return "\n".join(parts)


def constants(name: str, modules: Mapping[str, Module], match: re.Match[str]) -> str:
    """Turns an import of a module into constants. One without names has had its effect when that module ran."""
    imported = beside(name, match["path"])
    pairs = [part.strip().split(" as ") for part in (match["names"] or "").split(",") if part.strip()]
    if missing := {pair[0] for pair in pairs} - set(modules[imported].exports):
        raise BundleError(f"{name}: {imported} does not export {', '.join(sorted(missing))}.")
    taken = ", ".join(": ".join(pair) for pair in pairs)
    return f"const {{ {taken} }} = {modules[imported].variable};\n" if pairs else ""


def bundle_sheets(entry: str, read: Read) -> str:
    sources = in_order(entry, read, SHEET)
    parts = []
    for name, text in sources:
        *imports, own = SHEET.split(text)[::2]
        if any(COMMENT.sub("", between).strip() for between in imports):
            raise BundleError(f"{name}: a browser ignores an @import after a rule.")
        refuse_form(UNKNOWN_IN_SHEET, name, COMMENT.sub("", own))
        # The browser resolves an address from the bundle's folder.
        if posixpath.dirname(name) != posixpath.dirname(entry):
            refuse_form(RELATIVE, name, COMMENT.sub("", own))
        parts.append("".join([*imports, own]).strip() + "\n")
    if sum(len(SHEET.findall(text)) for _, text in sources) >= len(sources):
        raise BundleError(f"{entry} imports a sheet twice, and the order of its rules would change.")
    return "\n".join(parts)


def in_order(entry: str, read: Read, imports: re.Pattern[str]) -> list[ModuleSource]:
    """Returns the entry point and all that it imports, each once, and after what it imports itself."""
    found: dict[str, ModuleSource] = {}

    def visit(name: str, above: tuple[str, ...]) -> None:
        path = " imports ".join((*above, name))
        if name in above:
            raise BundleError(f"{path}: a circle.")
        if name in found:
            return
        text = read(name)
        if text is None:
            raise BundleError(f"{path}: there is no such file.")
        for match in imports.finditer(text):
            visit(beside(name, match["path"]), (*above, name))
        found[name] = ModuleSource(name, text)

    visit(entry, ())
    return list(found.values())


def beside(name: str, path: str) -> str:
    """Resolves a relative path as a browser does."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(name), path))


def refuse_form(pattern: re.Pattern[str], name: str, text: str) -> None:
    if match := pattern.search(text):
        raise BundleError(f"{name}: cannot bundle {match[0].strip()!r}.")
