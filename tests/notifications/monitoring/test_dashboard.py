"""The operators' page and its stream: what they show, and to whom."""

from datetime import timedelta

import pytest
from django.apps import apps
from django.contrib.auth.management import create_permissions
from django.contrib.auth.models import Group, Permission, User
from django.utils import timezone

from notifications import log
from notifications.models import ServerProcess
from notifications.monitoring import charts, dashboard, heartbeat
from notifications.monitoring.dashboard import operators_plan
from notifications.stream import EventStream, each
from tests.support.asgi import Reader, cookies_of, in_thread, run
from tests.support.people import person

pytestmark = pytest.mark.django_db(transaction=True)
PAGE = "/admin/notifications/serverprocess/"


@pytest.fixture
def operator() -> User:
    """Staff that may look, by a group."""
    create_permissions(apps.get_app_config("notifications"), verbosity=0)
    group = Group.objects.create(name="operators")
    group.permissions.add(Permission.objects.get(codename="view_serverprocess"))
    user = User.objects.create_user("olga", is_staff=True)
    user.groups.add(group)
    return user


def process(name: str, ago: float = 1, **figures) -> ServerProcess:
    """A process that reported so many seconds ago."""
    now = timezone.now()
    return ServerProcess.objects.create(
        name=name, started_at=now - timedelta(hours=1), reported_at=now - timedelta(seconds=ago), figures=figures
    )


def sample(ago: float, **values: float) -> dict[str, float]:
    return {"at": timezone.now().timestamp() - ago, "streams": 0, "position": 0, "deliveries": 0, "lag": 0.1} | values


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(heartbeat, "EVERY", 0.05)


def test_the_page_shows_every_process_and_which_of_them_is_silent(client, operator):
    errors = [{"at": "2026-11-22T01:00:00+00:00", "logger": "notifications.tail", "text": "<b>the log</b> is away"}]
    process(
        "web-1:11",
        now=sample(1, streams=3, position=70, p50=0.01, p95=0.02, p99=0.5),
        counts={"opened": 9, "shed": 2},
        errors=errors,
    )
    process("web-2:12", ago=60, now=sample(60, streams=400))
    client.force_login(operator)
    answer = client.get(PAGE)
    shown = answer.content.decode()
    assert answer.status_code == 200
    assert "2 processes, 3 open streams" in shown
    assert shown.count(">silent<") == 1
    assert "10 / 20 / 500" in shown
    assert "&lt;b&gt;the log&lt;/b&gt; is away" in shown
    assert "style=" not in shown.split('id="content-main"')[1]
    assert [(each.name, each.is_silent) for each in dashboard.overview().processes] == [
        ("web-1:11", False),
        ("web-2:12", True),
    ]


def test_without_a_process_the_page_says_so(client, operator):
    client.force_login(operator)
    assert "No process has reported" in client.get(PAGE).content.decode()


def test_plots_show_values_rates_and_sums():
    history = [sample(30, streams=5, position=100), sample(10, streams=7, position=140)]
    now = sample(0, streams=6, position=190, p50=0.02)
    process("a", history=history, now=now)
    process("b", now=sample(0, streams=4, position=190, p50=0.3))
    process("long ago", ago=100, now=sample(100, streams=50, position=10))
    end = timezone.now()
    found = {
        each.title: each
        for each in charts.all_of(list(ServerProcess.objects.order_by("name")), end - timedelta(minutes=10), end)
    }
    streams, rate, late = found["Open streams"], found["Events per second"], found["Median delay"]
    assert (streams.now, streams.top) == (10, 50)
    assert (round(rate.now, 1), rate.top) == (5.0, 5.0)
    assert (round(late.now), late.top) == (300, 500)
    points = [tuple(map(float, point.split(","))) for point in streams.lines[0].points.split()]
    assert [round(up) for _across, up in points] == [72, 69, 70]
    assert [round(across) for across, _up in points] == [285, 295, 300]
    assert [line.name for line in rate.lines] == ["a"]


@pytest.mark.parametrize(("value", "top"), [(0.2, 1), (1, 1), (1.5, 2), (3, 5), (7, 10), (11, 20), (4999, 5000)])
def test_scales_go_by_round_numbers(value, top):
    assert charts.round_up(value) == top


def test_the_stream_brings_the_figures_and_nothing_else(operator, quick):
    process("web-1:11", now=sample(1, streams=3))
    cookie = cookies_of(operator)
    before = log.head()

    async def scenario():
        reader = await Reader(
            EventStream(each(operators_plan)), "/operators/events/", cookie, query="language=zh-hans"
        ).until(lambda r: len(r.events) >= 2)
        # Neither what its reader hears elsewhere, nor what that person begins to hear.
        await in_thread(log.append, f"user:{operator.pk}", "happened")
        told = len(reader.events)
        await reader.until(lambda r: len(r.events) >= told + 3)
        await reader.leave()
        return reader

    events = run(scenario).events
    assert {event.event for event in events} == {"operators.report"}
    # Its cursor moves with the log all the same: after days of watching it is not one that was pruned.
    assert [event.position for event in events] == sorted(event.position for event in events)
    assert (events[0].position, events[-1].position) == (before, before + 1)
    assert "web-1:11" in events[0].json()["html"]
    # Watching writes nothing into the log.
    assert log.head() == before + 1


def test_strangers_get_no_figures(client, operator):
    create_permissions(apps.get_app_config("notifications"), verbosity=0)
    staff = User.objects.create_user("staff", is_staff=True)
    # The permission alone does not let anybody into the admin.
    member = person("member")
    member.user_permissions.add(Permission.objects.get(codename="view_serverprocess"))
    refused = {person("charlie"): 302, member: 302, staff: 403}
    for user, status in refused.items():
        client.force_login(user)
        assert client.get(PAGE).status_code == status
    cookies = [b"", *(cookies_of(user) for user in refused)]

    async def scenario():
        readers = [await Reader(EventStream(each(operators_plan)), "/operators/events/", one).end() for one in cookies]
        return [reader.status for reader in readers], [reader.events for reader in readers]

    assert run(scenario) == ([204, 403, 403, 403], [[]] * 4)


def test_who_leaves_the_group_gets_no_more_figures(operator, quick):
    cookie = cookies_of(operator)

    async def scenario():
        reader = await Reader(EventStream(each(operators_plan)), "/operators/events/", cookie).until(lambda r: r.events)
        await in_thread(operator.groups.clear)
        await reader.until(lambda r: r.events[-1].event == "ping")
        told = len(reader.events)
        await reader.until(lambda r: len(r.events) > told + 2)
        await reader.leave()
        return {event.event for event in reader.events[told:]}

    assert run(scenario) == {"ping"}


def test_who_is_no_longer_staff_loses_the_stream(operator, quick):
    cookie = cookies_of(operator)

    async def scenario():
        reader = await Reader(EventStream(each(operators_plan)), "/operators/events/", cookie).until(lambda r: r.events)
        operator.is_staff = False
        await in_thread(operator.save)
        await reader.end()
        return reader.events[-1].event

    assert run(scenario) == "bye"


def test_a_process_forgets_those_that_are_long_gone_and_takes_its_own_row_back(monkeypatch, quick):
    process("gone:1", ago=400)
    process("silent:2", ago=100)

    async def scenario():
        reported: list[str] = []
        while len(reported) < 2:
            reported = await in_thread(
                lambda: list(ServerProcess.objects.order_by("reported_at").values_list("name", flat=True))
            )
            if "gone:1" in reported:
                reported = []
        return reported

    # Only a process that has a tail reports.
    assert run(scenario)[0] == "silent:2"
    assert list(ServerProcess.objects.values_list("name", flat=True)) == ["silent:2"]
