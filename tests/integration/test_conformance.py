"""Our streams under the conformance suite, on each server that a site may run."""

import pytest

from tests.conformance.sites import OF_THE_SERVER, ask_site, prepare, start
from tests.support.services import Site

# A thousand connections, and more than the buffers take, are for `make conformance`.
FEW = ("--connections", "50", "--flood-kb", "1000")


@pytest.mark.parametrize("kind", ["serve", "uvicorn", "runserver"])
def test_every_row_passes_but_those_that_the_server_fails_by_itself(demo_site: Site, kind):
    prepare(demo_site)
    asked = ask_site(demo_site, start(demo_site, kind), *FEW)
    assert asked.failed() == OF_THE_SERVER.get(kind, {}), asked.output
    assert asked.code == (1 if kind in OF_THE_SERVER else 0)
    assert asked.skipped() == {
        "http-2": "browsers speak HTTP/2 over TLS alone",
        "shedding": "none of 50 was turned away",
    }
