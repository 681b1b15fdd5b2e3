"""A mail server for tests: takes what it is sent, refuses whom it is told to, and can stall in the middle.

RFC 5321, as far as smtplib needs it.
"""

import email
import email.policy
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from typing import Any

import django

SMTP = "django.core.mail.backends.smtp.EmailBackend"


def send_to(settings: Any, port: int) -> None:
    """Makes a server on this port the one that the site sends its emails to."""
    if django.VERSION >= (6, 1):
        settings.MAILERS = {"default": {"BACKEND": SMTP, "OPTIONS": {"host": "127.0.0.1", "port": port}}}
    else:
        settings.EMAIL_BACKEND, settings.EMAIL_HOST, settings.EMAIL_PORT = SMTP, "127.0.0.1", port


class MailServer(socketserver.ThreadingTCPServer):
    """Listens on a free port; `messages` is what it has taken."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, port: int = 0):
        self.messages: list[EmailMessage] = []
        self.refused: set[str] = set()
        # Taken messages after which it stalls before it says so, until `released`; None: never.
        self.stalls_after: int | None = None
        # Taken messages after which it hangs up instead of taking another; None: never.
        self.hangs_up_after: int | None = None
        self.stalled, self.released = threading.Event(), threading.Event()
        super().__init__(("127.0.0.1", port), Conversation)

    @property
    def port(self) -> int:
        return self.server_address[1]

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    def recipients(self) -> list[str]:
        """To whom it has taken messages, in order."""
        return [message["To"].addresses[0].addr_spec for message in self.messages]


class Conversation(socketserver.StreamRequestHandler):
    """One connection."""

    server: MailServer

    def say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())

    def handle(self) -> None:
        self.say("220 tests")
        while line := self.rfile.readline().decode().strip():
            verb = line.split(":")[0].upper()
            if verb == "RCPT TO" and line.split("<")[1].rstrip(">") in self.server.refused:
                self.say("550 no such person here")
            elif verb == "MAIL FROM" and len(self.server.messages) == self.server.hangs_up_after:
                return
            elif verb == "DATA":
                self.say("354 go on")
                self.take()
            elif verb == "QUIT":
                self.say("221 bye")
                return
            else:
                self.say("250 ok")

    def take(self) -> None:
        lines = []
        while (line := self.rfile.readline()) != b".\r\n":
            if not line:
                return
            lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
        parsed = email.message_from_bytes(b"".join(lines), policy=email.policy.default)
        assert isinstance(parsed, EmailMessage)
        self.server.messages.append(parsed)
        if self.server.stalls_after is not None and len(self.server.messages) > self.server.stalls_after:
            self.server.stalled.set()
            self.server.released.wait(60)
        self.say("250 taken")


@contextmanager
def mail_server(port: int = 0) -> Iterator[MailServer]:
    """A server that runs while the block does; on a free port, unless it comes back on the one that it had."""
    with MailServer(port) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.released.set()
            server.shutdown()
            thread.join()
