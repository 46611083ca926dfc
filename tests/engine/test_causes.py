from __future__ import annotations

import socket
import ssl

import aiohttp
import httpcore2
import pytest

from llm_migrate.engine.causes import plain_cause


def raised(outer, inner):
    try:
        raise outer from inner
    except type(outer) as e:
        return e


def certificate(code):
    error = ssl.SSLCertVerificationError("certificate is not valid for 'secret.example'")
    error.verify_code = code
    return error


@pytest.mark.parametrize(
    ("inner", "cause"),
    [
        (socket.gaierror(-2, "secret.example"), "its host name cannot be resolved"),
        (ConnectionRefusedError(111, "secret.example"), "the connection was refused"),
        (ConnectionResetError(104, "secret.example"), "the connection was reset"),
        (certificate(10), "its TLS certificate has expired"),
        (certificate(62), "its TLS certificate is for another host name"),
        (certificate(999), "its TLS certificate is not valid"),
        (ssl.SSLError("secret.example"), "the TLS handshake failed"),
        (OSError("secret.example"), "the connection failed"),
        (ExceptionGroup("secret.example", [ConnectionRefusedError()]), "the connection was refused"),
    ],
)
def test_causes_are_plain_and_name_no_host(inner, cause):
    """Whatever wraps it, a failure is named in plain words without an address (S3, S7)."""
    assert plain_cause(raised(httpcore2.ConnectError("secret.example"), inner)) == cause


def test_an_answer_that_breaks_off_is_called_so():
    """A connection closed without an answer, or with one that is no HTTP, is no failure to connect."""
    assert plain_cause(aiohttp.ServerDisconnectedError()) == "the answer broke off"
    assert plain_cause(httpcore2.RemoteProtocolError()) == "the answer broke off"
    assert plain_cause(aiohttp.ClientResponseError(None, (), message="secret.example")) == "the answer broke off"
