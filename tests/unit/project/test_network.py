"""The tests' own walls: what keeps them from reaching an exchange, and from passing by luck."""

import socket
import warnings

import pytest
from pytest_socket import SocketConnectBlockedError


def test_a_test_cannot_reach_beyond_loopback():
    with socket.socket() as outside, pytest.raises(SocketConnectBlockedError):
        outside.connect(("192.0.2.1", 443))


def test_a_test_can_reach_loopback():
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        assert client.getpeername() == server.getsockname()


def test_a_warning_is_an_error():
    with pytest.raises(DeprecationWarning):
        warnings.warn("old", DeprecationWarning, stacklevel=1)
