"""What a clone is set up with: pinned requirements, the Makefile, the script of continuous integration."""

import ast
import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.services import ROOT

# A pin may be of some versions of Python or some platforms alone: `django==5.2.19 ; python_full_version < '3.12' \`.
PIN = re.compile(r"^(?P<name>[a-z0-9-]+)==(?P<version>[^\s;]+)(?P<marker> ; [^\\\n]+)? \\$", re.MULTILINE)
CI_SCRIPT = ROOT / ".ci" / "run"
COMPILED = ["requirements.txt", "requirements-dev.txt"]


def pins(filename: str) -> set[tuple[str, str, str]]:
    """Returns the name, the version and the marker of each pin."""
    found = PIN.finditer((ROOT / filename).read_text())
    return {(match["name"], match["version"], match["marker"] or "") for match in found}


def declared(filename: str) -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = ["site", "dev"] if "dev" in filename else ["site"]
    names = project["dependencies"] + [name for extra in extras for name in project["optional-dependencies"][extra]]
    return [Requirement(name) for name in names]


@pytest.mark.parametrize("filename", COMPILED)
def test_every_declared_dependency_is_pinned_within_its_range(filename):
    versions: dict[str, list[str]] = {}
    for name, version, _marker in pins(filename):
        versions.setdefault(name, []).append(version)
    outside = [
        str(requirement)
        for requirement in declared(filename)
        if not (found := versions.get(canonicalize_name(requirement.name)))
        or not all(map(requirement.specifier.contains, found))
    ]
    assert not outside, "run: make requirements"


@pytest.mark.parametrize("filename", COMPILED)
def test_the_pinned_sets_hold_pins_hashes_and_origins_alone(filename):
    kinds = [
        PIN,
        re.compile(r"    --hash=sha256:[0-9a-f]{64}( \\)?$"),
        re.compile(r" *#( +(via|-c)\b.*| +[\w. ()-]+|$)"),
    ]
    lines = (ROOT / filename).read_text().splitlines()
    # The head says how the file is made; the rest names neither an index, nor a folder, nor a host.
    strange = [line for line in lines[2:] if line and not any(kind.match(line) for kind in kinds)]
    assert not strange
    assert not [line for line in lines if "/" in line]


@pytest.mark.parametrize("filename", COMPILED)
def test_every_pin_carries_a_hash(filename):
    text = (ROOT / filename).read_text()
    assert all(text.startswith("\n    --hash=sha256:", pin.end()) for pin in PIN.finditer(text))
    assert len(pins(filename)) == len(re.findall(r"^\S+==", text, re.MULTILINE))


def test_a_newer_python_gets_the_newer_django():
    versions = {marker: version for name, version, marker in pins("requirements.txt") if name == "django"}
    older, newer = versions[" ; python_full_version < '3.12'"], versions[" ; python_full_version >= '3.12'"]
    assert older.startswith("5.2.")
    assert tuple(map(int, newer.split(".")[:2])) >= (6, 1)


def test_the_documents_and_the_package_name_the_pairs_that_are_tested():
    source = ast.parse((ROOT / "noxfile.py").read_text())
    (pairs,) = [
        ast.literal_eval(node.value)
        for node in source.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "PYTHONS"
    ]
    text = (ROOT / "docs" / "integrating.md").read_text()
    table = re.findall(r"^\| (\d\.\d) \| ([\d., ]+) \|$", text, re.MULTILINE)
    assert {django: pythons.split(", ") for django, pythons in table} == pairs
    named = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["classifiers"]
    assert [name.rpartition(" ")[2] for name in named if name.startswith("Framework :: Django :: ")] == list(pairs)


def test_the_tests_run_on_the_very_versions_that_are_served():
    served, tested = ({(name, version) for name, version, _marker in pins(filename)} for filename in COMPILED)
    assert served <= tested


def test_no_file_names_a_folder_of_the_machine_it_was_written_on():
    git = shutil.which("git")
    command = [git or "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True) if git else None
    if not listed or listed.returncode:
        pytest.skip("not a git checkout")
    folder = re.compile(rb"/(?:root|work|home/\w+|Users/\w+|opt/(?:wheels|pypi))/" + b"|" + re.escape(bytes(ROOT)))
    paths = [path for name in listed.stdout.split("\0") if name and (path := ROOT / name).is_file()]
    assert paths
    assert not [str(path) for path in paths if folder.search(path.read_bytes())]


def test_every_link_of_a_document_leads_somewhere():
    documents = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]
    assert len(documents) > 8
    for document in documents:
        for target in re.findall(r"\]\((?!https?:)([^)#\s]+)", document.read_text(encoding="utf-8")):
            assert (document.parent / target).exists(), (document.name, target)


def test_continuous_integration_ends_with_the_test_command_of_the_readme():
    lines = [line for line in CI_SCRIPT.read_text().splitlines() if line and not line.startswith("#")]
    matrix = """make matrix ARGS="--session 'app(3.13-6.1)'\""""
    assert lines[-4:] == ["export REQUIRE_SERVICES=1", matrix, "make test-postgres", "make test"]
    assert "make test" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_continuous_integration_is_a_script_that_bash_can_run():
    assert os.access(CI_SCRIPT, os.X_OK)
    bash = shutil.which("bash")
    if not bash:
        pytest.skip("bash is not installed (Debian package bash)")
    assert subprocess.run([bash, "-n", CI_SCRIPT], capture_output=True, text=True).stderr == ""


@pytest.mark.parametrize(
    ("failing", "code", "made"),
    [
        ("nothing", 0, ["lint", "matrix", "test-postgres", "test"]),
        ("make lint", 3, ["lint"]),
        ("apt-get install --quiet --yes --no-install-recommends postgresql", 4, ["lint"]),
        ("make test-postgres", 3, ["lint", "matrix", "test-postgres"]),
    ],
)
def test_continuous_integration_ends_with_the_first_failure_and_shows_what_was_installed(tmp_path, failing, code, made):
    """On a machine without any package, whose commands only say that they ran."""
    fails = 'case "$name $*" in "$FAILING"*) exit $CODE;; esac'
    for name in ("apt-get", "make", "npm", "sudo"):
        program = tmp_path / name
        run = 'while [ "$1" != apt-get ]; do shift; done; exec "$@"' if name == "sudo" else f"echo {name} $*"
        program.write_text(f"#!/bin/sh\nname={name}\n{run}\n{fails}\n")
        program.chmod(0o755)
    (tmp_path / "dpkg-query").symlink_to("/bin/false")
    path = f"{tmp_path}:{os.environ['PATH']}"
    environment = {"PATH": path, "FAILING": failing, "CODE": str(code), "TMPDIR": str(tmp_path)}
    done = subprocess.run([CI_SCRIPT], env=environment, capture_output=True, text=True)
    assert done.returncode == code, done.stderr
    lines = done.stdout.splitlines()
    assert [line.split()[1] for line in lines if line.startswith("make ")] == made
    assert [line for line in lines if line.startswith("apt-get install") and "chromium" in line]
    assert not list(tmp_path.glob("tmp.*"))


def test_continuous_integration_installs_every_package_that_a_test_may_miss():
    sources = [path.read_text() for path in (ROOT / "tests").rglob("*.py")]
    demanded = {name for source in sources for name in re.findall(r'\bpackage="([^"]+)"', source)}
    installed = re.search(r"^packages=\((.*)\)$", CI_SCRIPT.read_text(), re.MULTILINE)
    assert demanded
    assert installed
    assert demanded <= set(installed[1].split())


def make(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", "--no-print-directory", *map(str, arguments)], cwd=ROOT, capture_output=True, text=True
    )


def test_make_alone_lists_every_target():
    phony = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert phony
    assert [line.split()[1] for line in make().stdout.splitlines()] == phony[1].split()


@pytest.mark.parametrize("answer", ["exit 1", "not-a-command-of-this-machine"])
def test_a_python_that_is_too_old_is_refused_in_one_line(tmp_path, answer):
    old_python = tmp_path / "old-python"
    old_python.write_text(f"#!/bin/sh\n{answer}\n")
    old_python.chmod(0o755)
    done = make("demo", f"PYTHON={old_python}", f"VENV={tmp_path / 'venv'}")
    message, *rest = done.stderr.splitlines()
    assert message == f"{old_python} is not Python 3.11 or newer; name one: make PYTHON=python3.11 ..."
    assert len(rest) == 1, "the line of make itself"
    assert done.returncode == 2
