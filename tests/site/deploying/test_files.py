"""The files under deploy/ name what there is."""

import os
import re
import shlex

import yaml

from tests.site.deploying.files import DEPLOY
from tests.support.forks import completed
from tests.support.services import ROOT, Site

# Variables and files


def example() -> dict[str, str]:
    lines = (DEPLOY / "live.env.example").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def known() -> set[str]:
    """The variables that the site reads."""
    sources = [path.read_text() for app in ("config", "notifications") for path in (ROOT / app).rglob("*.py")]
    return {name for source in sources for name in re.findall(r'(?:read|environ\.get)\(\s*"([A-Z_]+)"', source)}


def compose() -> dict:
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text())


def test_the_example_environment_is_clean_by_djangos_own_measure(tmp_path):
    site = Site(tmp_path, "sqlite:///unused")
    site.environment |= example()
    done = site.manage("check", "--deploy", "--fail-level", "WARNING")
    assert "no issues (0 silenced)" in done.stdout
    assert set(example()) <= known()


def test_compose_names_services_files_and_variables_that_there_are():
    services = compose()["services"]
    sites = [name for name, service in services.items() if service.get("image") == "live"]
    assert len(sites) == 4
    for name in sites:
        assert set(services[name]["environment"]) <= known()
        assert services[name]["env_file"] == "live.env"
        assert (DEPLOY / services[name]["build"]["context"] / services[name]["build"]["dockerfile"]).is_file()
    for service in services.values():
        assert set(service.get("depends_on", {})) <= set(services)
    mounted = [volume.split(":")[0] for volume in services["nginx"]["volumes"]]
    assert [path for path in mounted if not (DEPLOY / path).exists()] == ["./tls"], "the operator's own"
    upstream = (DEPLOY / "compose-upstream.conf").read_text()
    assert re.findall(r"server (\w+):8000 max_fails=0;", upstream) == [name for name in sites if name != "migrate"]
    assert int(services["site1"]["environment"]["WEB_CONCURRENCY"]) == len(sites) - 1


def test_the_image_holds_what_its_commands_need(tmp_path):
    text = (DEPLOY / "Dockerfile").read_text()
    copied = {source for line in re.findall(r"^COPY (.*)$", text, re.MULTILINE) for source in line.split()[:-1]}
    assert copied == {
        *("manage.py", "requirements.txt", "templates", "locale"),
        *(path.parent.name for path in ROOT.glob("*/__init__.py") if path.parent.name != "tests"),
    }
    (collect,) = re.findall(r"^RUN (DEBUG=0 .* collectstatic .*)$", text, re.MULTILINE)
    words = [word for word in shlex.split(collect) if word != "python"]
    variables = dict(word.split("=", 1) for word in words if "=" in word)
    arguments = [word for word in words if "=" not in word]
    script, *rest = arguments
    environment = {"PATH": os.environ.get("PATH", ""), "STATIC_ROOT": str(tmp_path), **variables}
    done = completed(ROOT / script, rest, environment, timeout=100)
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.glob("notifications/page.*.js"))
