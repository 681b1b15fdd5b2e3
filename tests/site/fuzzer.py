"""Malformed requests, made from a seed: headers, ids, query strings, methods, bodies, half requests, what is not HTTP."""

import base64
import random
import time
from collections.abc import Callable
from urllib.parse import quote

from tests.site.malformed import (
    ADDRESSES,
    BODIES,
    FORM,
    HEADERS,
    LIMITS,
    LINKS,
    METHODS,
    NAMES,
    NUMBERS,
    PLACES,
    STEPS,
    TYPES,
    VALUES,
)


class Fuzzer:
    """Makes requests from one seed; `cookies` are those of people who are logged in."""

    def __init__(self, seed: str, cookies: list[dict[str, str]]) -> None:
        self.chance = random.Random(seed)
        self.cookies = cookies
        self.makers: list[Callable[[], bytes]] = [self.queried] * 4 + [self.headed] * 4 + [self.posted] * 4
        self.makers += [self.numbered] * 2 + [self.linked]
        self.makers += [self.spelled, self.addressed, self.broken, self.halved]

    def value(self) -> str:
        if self.chance.random() < 0.3:
            return "".join(
                chr(self.chance.choice([self.chance.randrange(33, 127), self.chance.randrange(256)])) for _ in range(20)
            )
        return self.chance.choice(VALUES)

    def request(
        self, method: str, target: str, headers: list[tuple[str, str]] | None = None, body: bytes | None = None
    ) -> bytes:
        """A request that is whole as far as HTTP goes, with and without somebody's session."""
        lines = [("Host", "127.0.0.1"), *(headers or [])]
        if self.chance.random() < 0.7:
            session = self.chance.choice(self.cookies)
            lines += [("Cookie", "; ".join(f"{name}={value}" for name, value in session.items()))]
            lines += [("X-CSRFToken", session["csrftoken"])]
        elif self.chance.random() < 0.5:
            lines += [("Cookie", f"sessionid={self.value()}; csrftoken={self.value()}")]
        if body is not None:
            lines += [("Content-Length", str(len(body)))]
        head = f"{method} {target} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines)
        return head.encode("utf-8", "surrogatepass") + b"\r\n" + (body or b"")

    def place(self) -> str:
        return self.chance.choice(PLACES)

    def queried(self) -> bytes:
        pairs = [(self.chance.choice(NAMES), self.value()) for _ in range(self.chance.randint(1, 4))]
        # Never a stream that is well asked for: what is opened stays open.
        pairs += [("lastEventId", self.chance.choice(["x", "-1", "k3v9x0ab-", "k3v9x0ab-x", "A-1", "a" * 33 + "-1"]))]
        escape = quote if self.chance.random() < 0.8 else (lambda text: text.replace(" ", "").replace("\r", ""))
        return self.request("GET", self.place() + "?" + "&".join(f"{name}={escape(value)}" for name, value in pairs))

    def numbered(self) -> bytes:
        """A strange number where one is read."""
        name, number = self.chance.choice(LIMITS), quote(self.chance.choice(NUMBERS))
        if self.chance.random() < 0.2:
            where = f"/orders/{number}/{self.chance.choice(STEPS)}"
            return self.request(self.chance.choice(["GET", "POST"]), where, FORM, b"x=1")
        if self.chance.random() < 0.2:
            return self.request("POST", self.place(), FORM, f"{name}={number}".encode())
        return self.request("GET", f"{self.place()}?{name}={number}&after=0&lastEventId=x")

    def linked(self) -> bytes:
        """A strange address where a page is asked to go on to one."""
        pair = f"{self.chance.choice(LINKS)}={quote(self.chance.choice(ADDRESSES), errors='surrogatepass')}"
        if self.chance.random() < 0.5:
            return self.request("POST", self.place(), FORM, f"{pair}&through=0&action=read&position=1".encode())
        return self.request("GET", f"{self.place()}?{pair}&lastEventId=x")

    def headed(self) -> bytes:
        headers = [(self.chance.choice(HEADERS), self.value()) for _ in range(self.chance.randint(1, 5))]
        return self.request(
            "GET", self.place(), [*headers, ("Last-Event-ID", self.chance.choice(["x", "k3v9x0ab-x", "a--1"]))]
        )

    def posted(self) -> bytes:
        body = self.chance.choice(BODIES) if self.chance.random() < 0.8 else self.chance.randbytes(200)
        headers = [("Content-Type", self.chance.choice(TYPES))]
        if self.chance.random() < 0.5:
            signature = base64.b64encode(self.chance.randbytes(32)).decode()
            clock = self.chance.choice([str(int(time.time())), self.value()])
            headers += [("webhook-id", "m"), ("webhook-timestamp", clock), ("webhook-signature", f"v1,{signature}")]
        method = "PUT" if self.chance.random() < 0.1 else "POST"
        return self.request(method, self.place(), headers, body)

    def spelled(self) -> bytes:
        return self.request(
            self.chance.choice(METHODS), self.place() + "?lastEventId=x", body=self.chance.choice([None, b"x"])
        )

    def addressed(self) -> bytes:
        bit = self.chance.choice(
            ["%2e%2e", "%00", "%FF%FE", "//", "\\", "9" * 400, "-1", "%", "%zz", "é", "a" * 6000, ";", "*"]
        )
        where = self.chance.choice(
            ["/orders/{}/events/", "/payments/callback/{}/", "/notifications/{}/read/", "/api/{}", "{}", "/{}"]
        )
        return self.request("GET", where.format(bit) + "?lastEventId=x")

    def broken(self) -> bytes:
        """What is not HTTP."""
        place = self.place().encode()
        host = b"Host: 127.0.0.1\r\n"
        return self.chance.choice(
            [
                b"\r\n\r\n\r\n",
                b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + self.chance.randbytes(100) + b"\r\n\r\n",
                self.chance.randbytes(300) + b"\r\n\r\n",
                b"GET\r\n\r\n",
                b"GET  " + place + b"  HTTP/1.1\r\n" + host + b"\r\n",
                b"GET " + place + b" HTTP/9.9\r\n" + host + b"\r\n",
                b"GET " + place + b" HTTP/1.1\n" + b"Host: 127.0.0.1\n\n",
                b"GET " + place + b" HTTP/1.1\r\n" + host + b"no colon here\r\n\r\n",
                b"GET " + place + b" HTTP/1.1\r\n" + host + b": no name\r\n\r\n",
                b"GET " + place + b" HTTP/1.1\r\n" + host + b"A: b\x00c\r\nB: d\x0be\r\n\r\n",
                b"GET " + place + b" HTTP/1.1\r\n" + host * 3 + b"\r\n",
                b"GET " + place + b" HTTP/1.1\r\n" + host + b"X: y\r\n" * 700 + b"\r\n",
                b"GET " + place + b" HTTP/1.1\r\n" + host + b"X: " + b"y" * 40_000 + b"\r\n\r\n",
                b"POST " + place + b" HTTP/1.1\r\n" + host + b"Content-Length: -1\r\n\r\n",
                b"POST " + place + b" HTTP/1.1\r\n" + host + b"Content-Length: x\r\n\r\n",
                b"POST " + place + b" HTTP/1.1\r\n" + host + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
                b"POST "
                + place
                + b" HTTP/1.1\r\n"
                + host
                + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n",
                b"POST "
                + place
                + b" HTTP/1.1\r\n"
                + host
                + b"Transfer-Encoding: chunked\r\n\r\n-5\r\nabc\r\n0\r\n\r\n",
                b"POST " + place + b" HTTP/1.1\r\n" + host + b"Transfer-Encoding: gzip\r\n\r\nabc",
                b"GET http://[::1/ HTTP/1.1\r\n" + host + b"\r\n",
                b"GET " + place + b" HTTP/1.1\r\nHost: [::\r\n\r\n",
                b"GET " + place + b" HTTP/1.1\r\nHost: a b:c\r\n\r\n",
                b"GET " + place + b" HTTP/1.1\r\n" + host + b"Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
            ]
        )

    def halved(self) -> bytes:
        whole = self.posted()
        return whole[: self.chance.randrange(1, len(whole))]
