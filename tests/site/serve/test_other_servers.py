"""The same application on runserver and on uvicorn."""

import os
import signal
import time

from tests.site.serve.streams import stream
from tests.support.processes import free_port
from tests.support.services import ROOT, Site
from tests.support.sse import login


def test_runserver_serves_streams_and_reloads_while_they_are_open(demo_site: Site):
    port = free_port()
    # It reloads by starting its interpreter anew.
    demo_site.forks_servers = False
    server = demo_site.start("manage.py", "runserver", f"127.0.0.1:{port}", port=port)
    cookies = login(server.url, "seller").cookies
    watched = ROOT / "config" / "urls.py"
    with stream(server, cookies) as client:
        demo_site.manage("place_order")
        client.wait_for(lambda event: event.event == "order.placed")
        before = watched.stat()
        os.utime(watched)
        try:
            client.wait_closed()
            deadline = time.monotonic() + 20
            while time.monotonic() < deadline:
                try:
                    resumed = stream(server, cookies, **{"Last-Event-ID": client.last_event_id})
                    break
                except OSError:
                    time.sleep(0.2)
            with resumed:
                demo_site.manage("place_order")
                resumed.wait_for(lambda event: event.event == "order.placed")
        finally:
            os.utime(watched, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_the_application_runs_on_uvicorn_unchanged(demo_site: Site):
    port = free_port()
    arguments = ["--port", str(port), "--timeout-graceful-shutdown", "5"]
    server = demo_site.start("-m", "uvicorn", "config.asgi:application", *arguments, port=port)
    cookies = login(server.url, "seller").cookies
    with stream(server, cookies) as client:
        demo_site.manage("place_order")
        client.wait_for(lambda event: event.event == "order.placed")
    # Uvicorn ends in good order, and then by the signal that it was sent.
    assert server.terminate() in (0, -signal.SIGTERM)
    assert "Finished server process" in server.log()
