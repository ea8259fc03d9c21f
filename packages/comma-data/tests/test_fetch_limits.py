"""The clock of a fetch: a schedule without chance, and an end."""

import pytest
import requests
from comma_data.fetch import http
from comma_data.fetch.errors import FetchError, StoppedError
from comma_data.fetch.http import origin_of, within
from comma_data.fetch.limits import Limits, Patience


class Clock:
    """A clock that runs only while somebody sleeps."""

    def __init__(self):
        self.time = 100.0
        self.slept = []

    def now(self):
        return self.time

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.time += seconds


@pytest.fixture
def clock():
    return Clock()


def patience(clock, **changes):
    return Patience(limits=Limits(**changes), now=clock.now, sleep=clock.sleep)


def failing(*errors):
    """A request that raises these in turn, then answers."""
    left = list(errors)

    def request():
        if left:
            raise left.pop(0)
        return "answer"

    return request


def busy(wait=None):
    return FetchError("status-429", "busy", retry=True, wait=wait)


def test_each_wait_is_twice_the_one_before_up_to_the_longest(clock):
    run = patience(clock, attempts=9, first_wait=1, longest_wait=20)
    assert run.persist(failing(*[busy() for _ in range(8)])) == "answer"
    assert clock.slept == [1, 2, 4, 8, 16, 20, 20, 20]


def test_the_server_may_name_the_wait(clock):
    assert patience(clock).persist(failing(busy(7.0), busy(0.0), busy())) == "answer"
    assert clock.slept == [7.0, 4.0]


@pytest.mark.parametrize(
    "errors",
    [
        [FetchError("status-403", "no")],
        [busy(61.0)],
        [busy(), FetchError("too-large", "no")],
        [busy() for _ in range(8)],
    ],
)
def test_a_failure_that_stays_comes_out(clock, errors):
    with pytest.raises(FetchError) as caught:
        patience(clock).persist(failing(*errors))
    assert caught.value is errors[-1]


def test_the_run_ends_in_its_time(clock):
    run = patience(clock, attempts=99, total_seconds=30)
    with pytest.raises(StoppedError):
        run.persist(failing(*[busy() for _ in range(98)]))
    assert clock.time <= 130


@pytest.mark.parametrize(
    ("header", "low", "high"),
    [("17", 17, 17), ("Fri, 01 Jan 2100 00:00:00 GMT", 1e9, 1e10), ("Fri, 01 Jan 1999 00:00:00 GMT", 0, 0)],
)
def test_a_server_names_a_wait_in_seconds_or_by_a_date(header, low, high):
    response = requests.Response()
    response.headers["Retry-After"] = header
    assert low <= http._retry_after(response) <= high


@pytest.mark.parametrize("header", ["", "soon", "-5", "1.5"])
def test_a_wait_that_cannot_be_read_is_none(header):
    response = requests.Response()
    response.headers["Retry-After"] = header
    assert http._retry_after(response) is None


def test_requests_keep_their_distance(clock):
    run = patience(clock, interval=2, request_seconds=60, total_seconds=10)
    assert [run.request_seconds() for _ in range(3)] == [10, 8, 6]
    assert clock.slept == [2, 2]


def test_a_late_call_is_left_and_its_error_is_ours():
    with pytest.raises(FetchError, match=r"slow: .* 0.05 s"):
        within(0.05, lambda: __import__("time").sleep(5), what="slow")
    with pytest.raises(ZeroDivisionError):
        within(5, lambda: 1 / 0, what="fault")
    assert within(5, lambda: 3, what="good") == 3


def test_an_origin_has_a_port():
    assert origin_of("https://a.org/x") == origin_of("https://a.org:443/y") != origin_of("http://a.org/x")
    assert origin_of("https://A.ORG") == origin_of("https://a.org")
