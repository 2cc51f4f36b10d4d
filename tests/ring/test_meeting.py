"""Who may join a ring: those who know the secret of the run, and nobody else."""

from __future__ import annotations

import socket
import threading

import pytest

from foretell.errors import LostWorkerError
from foretell.ring import authentication
from foretell.ring.authentication import admit, introduce, new_secret
from foretell.ring.connections import Connection, connect, listening
from foretell.ring.meeting import Meeting, join


def wait(meeting: Meeting, found: list[object], workers: int = 2) -> threading.Thread:
    def run() -> None:
        try:
            ring, members = meeting.wait(workers, 5)
            found.append([member.peer for member in members])
            for each in (ring, *members):
                each.close()
        except LostWorkerError as error:
            found.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_a_stranger_is_refused_and_the_meeting_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(authentication, "HANDSHAKE_SECONDS", 0.5)
    secret, found = new_secret(), list[object]()
    meeting = Meeting(secret)
    thread = wait(meeting, found)
    with pytest.raises(LostWorkerError, match="a server without the secret of the run"):
        join(meeting.address, new_secret(), 1)
    # One that says nothing, one that says something else, and one that is gone at once.
    silent = socket.create_connection(meeting.address)
    other = socket.create_connection(meeting.address)
    other.sendall(b"GET / HTTP/1.1\r\nHost: worker\r\nAccept: */*\r\n\r\n")
    socket.create_connection(meeting.address).close()
    ring, control = join(meeting.address, secret, 1)
    thread.join()
    assert found == [["worker 2"]]
    for each in (ring, control, silent, other, meeting):
        each.close()


def test_a_client_without_the_secret_is_refused_by_the_server() -> None:
    secret = new_secret()
    server = listening("127.0.0.1")
    client = connect(server.getsockname(), "server", 5)
    accepted = Connection(server.accept()[0], "client", 5)
    # It sends a good greeting, and then an answer that is not of this secret.
    client.write(authentication._HELLO.pack(b"frtl", 1, 1, bytes(32)))
    thread = threading.Thread(target=lambda: client.write(bytes(32)))
    thread.start()
    with pytest.raises(LostWorkerError, match="a client without the secret of the run"):
        admit(accepted, secret, "ring")
    thread.join()
    for each in (server, client, accepted):
        each.close()


def test_an_answer_cannot_be_sent_back_to_its_sender() -> None:
    secret = new_secret()
    server = listening("127.0.0.1")
    client = connect(server.getsockname(), "server", 5)
    mirror = server.accept()[0]

    def reflect() -> None:
        # A server that knows no secret shows the client its own greeting, cut to the right length.
        hello = mirror.recv(64)
        mirror.sendall((hello * 2)[: 32 + 32])

    thread = threading.Thread(target=reflect)
    thread.start()
    with pytest.raises(LostWorkerError, match="a server without the secret of the run"):
        introduce(client, secret, "ring", 1)
    thread.join()
    for each in (server, client, mirror):
        each.close()


def test_workers_that_are_missing_are_an_error_in_time() -> None:
    meeting = Meeting(new_secret())
    with pytest.raises(LostWorkerError, match="expected 3 workers in time, found 1 of them"):
        meeting.wait(3, 0.3)
    meeting.close()


def test_a_check_ends_the_wait() -> None:
    meeting = Meeting(new_secret())

    def check() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        meeting.wait(2, 5, check)
    meeting.close()
