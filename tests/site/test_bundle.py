"""With DEBUG off `collectstatic` makes one file of each entry point of the client (notifications.staticfiles)."""

import gzip
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from django.contrib.staticfiles.finders import get_finders
from django.contrib.staticfiles.storage import ManifestStaticFilesStorage
from django.core.files.storage import InMemoryStorage
from playwright.sync_api import ConsoleMessage, Page

from notifications.staticfiles import ENTRY_POINTS, BundledStaticFilesStorage, BundleError
from notifications.staticfiles.bundling import bundle

MOST = 16 * 1024


def bundled(entry: str = "app/page.js", **sources: str) -> str:
    """Bundles sources of the folder `app`, whose names are given without their endings."""
    ending = entry.rpartition(".")[2]
    texts = {f"app/{name.replace('__', '/')}.{ending}": text for name, text in sources.items()}
    return bundle(entry, texts.get)


@pytest.fixture
def run(browser_page: Callable[..., Page]) -> Callable[[str], list[str]]:
    """Returns a function that runs a module in a browser, and says what it prints."""

    def run(script: str) -> list[str]:
        page = browser_page()
        lines: list[str] = []

        def keep(message: ConsoleMessage) -> None:
            lines.append(message.text)

        page.on("console", keep)
        page.add_script_tag(content=f"{script}\nglobalThis.ended = true;", type="module")
        page.wait_for_function("globalThis.ended")
        return lines

    return run


@pytest.fixture
def collected(tmp_path, settings):
    """Returns a function that collects static files with a storage, and says where each name leads.

    prefix: of their names; default: all, those of the admin and of the API's documentation too, which takes seconds.
    """
    settings.DEBUG = False

    def collect(kind: type[ManifestStaticFilesStorage], prefix: str = "") -> dict[str, str]:
        storage = kind(location=tmp_path)
        paths = {}
        for finder in get_finders():
            for path, source in finder.list([]):
                name = f"{source.prefix}/{path}" if getattr(source, "prefix", None) else path
                if not name.startswith(prefix):
                    continue
                paths[name] = (source, path)
                (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
                (tmp_path / name).write_bytes(Path(source.path(path)).read_bytes())
        for _, _, processed in storage.post_process(paths):
            assert not isinstance(processed, Exception), processed
        return {name: storage.stored_name(name) for name in paths}

    return collect


def test_modules_run_once_each_in_the_order_of_the_language(run):
    text = bundled(
        page='import "./adopt.js";\nimport { first } from "./deep/first.js";\nimport { second } from "./second.js";\n'
        'console.log("page", first, second());\n',
        adopt='console.log("adopt");\n',
        deep__first='import { second as other } from "../second.js";\nconsole.log("first");\n'
        "export const first = other();\n",
        second='console.log("second");\nlet calls = 0;\nexport function second() {\n  return (calls += 1);\n}\n',
    )
    assert run(text) == ["adopt", "second", "first", "page 1 2"]


def test_names_of_modules_do_not_meet(run):
    text = bundled(
        page='import { a } from "./one.js";\nimport { a as b } from "./two.js";\nconst c = 1;\nconsole.log(a, b, c);\n',
        one='const c = "one";\nexport const a = c;',
        two='const c = "two";\nfunction Set() {\n  return c;\n}\nexport const a = Set();\n',
    )
    assert run(text) == ["one two 1"]


def test_every_kind_of_export_is_taken_over_several_lines(run):
    text = bundled(
        page='import {\n  A,\n  b,\n  c,\n  d,\n} from "./all.js";\nconsole.log(new A().a, b, typeof c, await_(d));\n'
        "function await_(d) {\n  return d().next().value;\n}\n",
        all="export class A {\n  #own = 1;\n  get a() {\n    return this.#own;\n  }\n}\nexport const b = 2;\n"
        "export async function c() {\n  await 0;\n}\nexport function* d() {\n  yield 4;\n}\n",
    )
    assert run(text) == ["1 2 function 4"]


@pytest.mark.parametrize(
    ("sources", "message"),
    [
        ({"page": 'import { a } from "./gone.js";\n'}, r"app/page.js imports app/gone.js: there is no such file"),
        ({"page": 'import { b } from "./one.js";\n', "one": "export const a = 1;\n"}, r"one.js does not export b"),
        (
            {"page": 'import "./one.js";\n', "one": 'import "./page.js";\n'},
            r"page.js imports app/one.js imports .*circle",
        ),
        ({"page": "export const a = 1;\n"}, "entry point"),
        ({"page": 'import "./one.js";\n', "one": "export let a = 1;\n"}, "export let a"),
        ({"page": 'import "./one.js";\n', "one": "export default 1;\n"}, "export default"),
        ({"page": 'import "./one.js";\n', "one": "const a = 1;\nexport { a };\n"}, "export { a }"),
        ({"page": 'export * from "./one.js";\n', "one": ""}, r"export \*"),
        ({"page": 'import one from "./one.js";\n', "one": ""}, "import one"),
        ({"page": 'import * as one from "./one.js";\n', "one": ""}, r"import \*"),
        ({"page": 'import { a } from "elsewhere";\n'}, "import { a }"),
        ({"page": 'void import("./one.js");\n', "one": ""}, r"import\("),
        ({"page": "console.log(import.meta.url);\n"}, "import.meta"),
        ({"page": "const a = await 1;\n"}, "await 1"),
    ],
)
def test_what_the_bundler_does_not_know_it_refuses(sources, message):
    with pytest.raises(BundleError, match=message):
        bundled(**sources)


def test_sheets_stand_where_they_are_imported():
    text = bundled(
        "app/style.css",
        style='/* All. */\n@import "./one.css";\n@import "style/two.css";\n\n.all {\n  color: red;\n}\n',
        one=".one {\n  color: red;\n}\n",
        style__two='@import "./three.css";\n.two {\n  background: url("data:,");\n}\n',
        style__three=".three {\n  color: red;\n}\n",
    )
    assert "@import" not in text
    assert re.findall(r"\.(\w+) {", text) == ["one", "three", "two", "all"]


@pytest.mark.parametrize(
    ("sources", "message"),
    [
        ({"style": '@import "./one.css";\n'}, "no such file"),
        ({"style": '@import "./one.css" print;\n', "one": ""}, "@import"),
        ({"style": '@import "https://example.com/one.css";\n'}, "@import"),
        ({"style": '.a {\n  color: red;\n}\n@import "./one.css";\n', "one": ""}, "after a rule"),
        ({"style": '@import "./one.css";\n@import "./one.css";\n', "one": ""}, "twice"),
        ({"style": '@import "./b/one.css";\n', "b__one": ".a {\n  background: url(a.png);\n}\n"}, r"url\(a.png\)"),
    ],
)
def test_sheets_that_would_change_are_refused(sources, message):
    with pytest.raises(BundleError, match=message):
        bundled("app/style.css", **sources)


def test_each_entry_point_is_collected_as_one_file(collected, tmp_path):
    names = collected(BundledStaticFilesStorage)
    for entry in ENTRY_POINTS:
        text = (tmp_path / names[entry]).read_text()
        assert names[entry] != entry
        assert not re.search(r"^\s*(?:import|export|@import)\b", text, re.MULTILINE), entry
        source = (tmp_path / entry).read_text()
        assert re.search(r"^@?import ", source, re.MULTILINE), "the unhashed file is the source"
    page = (tmp_path / names["notifications/page.js"]).read_text()
    inside = set(re.findall(r"^/\* (notifications/\S+\.js) \*/$", page, re.MULTILINE))
    assert {"notifications/stream/stream.js", "notifications/page/times.js", "notifications/page.js"} <= inside


def test_what_every_page_loads_is_at_most_16_kilobytes_gzipped(collected, tmp_path):
    names = collected(BundledStaticFilesStorage, "notifications/")
    scripts = [tmp_path / names[f"notifications/{name}"] for name in ("page.js", "worker.js")]
    size = sum(len(gzip.compress(script.read_bytes(), 9)) for script in scripts)
    assert size <= MOST, f"{size} bytes"


def test_a_storage_without_bundles_still_serves_the_modules(collected, tmp_path):
    class Modules(ManifestStaticFilesStorage):
        support_js_module_import_aggregation = True

    names = collected(Modules, "notifications/")
    page = (tmp_path / names["notifications/page.js"]).read_text()
    imported = re.findall(r'^import.*"\./(.+)";$', page, re.MULTILINE)
    assert len(imported) == 10
    assert all((tmp_path / "notifications" / path).exists() and path.count(".") == 2 for path in imported)
    sheet = (tmp_path / names["notifications/style.css"]).read_text()
    assert all((tmp_path / "notifications" / path).exists() for path in re.findall(r'@import url\("\./(.+)"\)', sheet))


def test_a_site_may_bundle_its_own(tmp_path, run):
    class Own(BundledStaticFilesStorage):
        bundled = (*ENTRY_POINTS, "shop/basket.js")

    source = InMemoryStorage()
    with source.open("basket.js", "w") as file:
        file.write('import { price } from "./price.js";\nconsole.log(price);\n')
    with source.open("price.js", "w") as file:
        file.write("export const price = 3;\n")
    storage = Own(location=tmp_path)
    list(storage.post_process({f"shop/{name}": (source, name) for name in ("basket.js", "price.js")}))
    assert run((tmp_path / storage.stored_name("shop/basket.js")).read_text()) == ["3"]
