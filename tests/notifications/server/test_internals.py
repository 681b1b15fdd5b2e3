"""Each name that `serve` takes from Daphne's and Twisted's internals: what happens where a release no longer has it."""

import inspect
import logging

import pytest
from daphne.http_protocol import HTTPFactory, WebRequest
from daphne.server import Server
from django.core.management import CommandError, call_command
from twisted.internet import tcp
from twisted.web.http import HTTPChannel

from notifications.routing import beside_streams
from notifications.server import internals
from notifications.server.channel import LongLineChannel, StreamChannel
from notifications.server.daphne import StreamServer, endpoint
from notifications.stream.application import WRITE_NOW
from tests.support.renaming import rename


def server(application=None) -> StreamServer:
    """A server as far as Daphne brings it before the first request."""
    made = StreamServer(application=application, endpoints=[endpoint("127.0.0.1", 0)])
    made.connections = {}
    made.http_factory = HTTPFactory(made)
    return made


def test_the_installed_versions_have_all_of_them():
    found = internals.find_missing()
    assert found == internals.Missing([], [], [], [])
    assert found.consequences() == []


@pytest.mark.parametrize("name", internals.METHODS)
def test_without_a_method_of_daphnes_server_serve_refuses_to_start_with_one_line(monkeypatch, name):
    rename(monkeypatch, Server, name)
    with pytest.raises(internals.IncompatibleVersions, match=f"^Daphne .* have no Server.{name}, and serve needs it"):
        server()
    with pytest.raises(CommandError, match=f"^Daphne .* have no Server.{name}, .*requirements.txt$"):
        call_command("serve", skip_checks=True)


@pytest.mark.parametrize("name", internals.ARGUMENTS)
def test_without_an_argument_of_daphnes_server_serve_refuses_to_start(monkeypatch, name):
    usual = inspect.signature(Server)
    shorter = usual.replace(parameters=[found for found in usual.parameters.values() if found.name != name])
    monkeypatch.setattr(Server, "__signature__", shorter, raising=False)
    assert internals.find_missing().serving == [f"Server({name}=)"]


def test_without_the_place_of_the_applications_task_serve_refuses_to_start(monkeypatch):
    monkeypatch.setattr(Server, "application_checker", lambda self: None)
    assert internals.find_missing().serving == ["Server.connections[…]['application_instance']"]


@pytest.mark.parametrize("name", internals.RUNNING)
def test_without_an_attribute_of_the_running_server_serve_stops_before_the_first_request(monkeypatch, name):
    made = server()
    rename(monkeypatch, StreamServer, name)
    with pytest.raises(internals.IncompatibleVersions, match=f"have no Server.{name}, and serve needs it"):
        made.prepare()


@pytest.mark.parametrize("name", internals.CONTROLLED)
def test_without_flow_control_serve_refuses_to_start(monkeypatch, name):
    """Otherwise a client that does not read would fill the memory."""
    rename(monkeypatch, WebRequest, name)
    with pytest.raises(internals.IncompatibleVersions):
        server()


def test_a_request_that_no_longer_reaches_the_application_is_noticed(monkeypatch):
    monkeypatch.setattr(WebRequest, "process", lambda self: None)
    assert internals.find_missing().serving == [
        "way for a request to the application (RuntimeError('Server.create_application is not called'))"
    ]


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        *((WebRequest, name) for name in internals.WRITTEN_REQUEST),
        *((tcp.Connection, name) for name in internals.WRITTEN_TRANSPORT),
    ],
)
def test_without_twisteds_buffers_streams_are_written_the_ordinary_way(monkeypatch, caplog, owner, name):
    rename(monkeypatch, owner, name)
    made = server()
    made.prepare()
    assert [lost.rpartition(".")[2] for lost in made.missing.direct_writes] == [name]
    assert "slower way" in caplog.text
    scope: dict = {"type": "http"}
    made.create_application(object(), scope)
    assert WRITE_NOW not in scope.get("extensions", {})


def test_data_that_waits_elsewhere_turns_direct_writes_off(monkeypatch):
    monkeypatch.setattr(tcp.Connection, "write", lambda self, data: None)
    assert internals.find_missing().direct_writes == ["buffer in which written data waits"]


def test_long_lines_are_read_by_this_servers_own_channels_alone():
    usual = HTTPChannel.MAX_LENGTH
    made = server()
    made.prepare()
    assert isinstance(made.http_factory.buildProtocol(None), LongLineChannel)
    assert HTTPChannel.MAX_LENGTH == usual < LongLineChannel.MAX_LENGTH


@pytest.mark.parametrize(("owner", "name"), [(HTTPChannel, "MAX_LENGTH"), (HTTPFactory, "protocol")])
def test_without_a_limit_to_raise_lines_stay_short(monkeypatch, caplog, owner, name):
    rename(monkeypatch, owner, name)
    made = server()
    made.prepare()
    assert made.missing.long_lines == [f"{owner.__name__}.{name}"]
    assert "longer than 16 KB" in caplog.text
    assert "protocol" not in vars(made.http_factory)


@pytest.mark.parametrize("name", internals.HEADERS)
def test_without_a_requests_headers_streams_keep_them(monkeypatch, caplog, name):
    rename(monkeypatch, WebRequest, name)
    made = server()
    made.prepare()
    assert made.missing.headers == [f"Request.{name}"]
    assert "keeps its request's headers" in caplog.text


def test_a_site_that_names_its_streams_has_them_opened_from_the_connection():
    made = server(beside_streams(print))
    made.prepare()
    assert isinstance(made.http_factory.buildProtocol(None), StreamChannel)


@pytest.mark.parametrize(
    "option",
    [{"root_path": "/shop"}, {"proxy_forwarded_address_header": "X-Forwarded-For"}],
    ids=lambda option: next(iter(option)),
)
def test_where_daphne_changes_requests_streams_are_opened_the_ordinary_way(option):
    made = StreamServer(application=beside_streams(print), endpoints=[endpoint("127.0.0.1", 0)], **option)
    made.connections, made.http_factory = {}, HTTPFactory(made)
    made.prepare()
    assert not isinstance(made.http_factory.buildProtocol(None), StreamChannel)


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        *((HTTPChannel, name) for name in internals.BETWEEN_REQUESTS),
        *((tcp.Connection, name) for name in internals.HANDED_OVER),
    ],
)
def test_without_a_connection_to_hand_over_streams_are_opened_the_ordinary_way(monkeypatch, caplog, owner, name):
    rename(monkeypatch, owner, name)
    made = server(beside_streams(print))
    made.prepare()
    assert [lost.rpartition(".")[2] for lost in made.missing.streams] == [name]
    assert "opened the ordinary" in caplog.text
    assert not isinstance(made.http_factory.buildProtocol(None), StreamChannel)


def test_a_warning_names_versions_and_what_is_lost(caplog):
    made = server()
    made.missing = internals.Missing([], ["Connection.offset"], [], [])
    with caplog.at_level(logging.WARNING):
        made.prepare()
    assert caplog.messages == [
        f"{internals.installed()} have no Connection.offset: events are written Daphne's own, slower way"
    ]
