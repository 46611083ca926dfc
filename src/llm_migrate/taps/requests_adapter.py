"""A session of requests that answers from a chain, for SDKs that stand on it: `openai.requestssession` of openai 0.28.

Its answers differ from a vendor's in one point: a 409 becomes a 500, because openai 0.28 asks again for ever on a 409.
"""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Iterator, Mapping
from http.client import responses as reasons
from pathlib import Path
from typing import Final
from weakref import WeakSet

from llm_migrate.config import Config, load_config
from llm_migrate.engine.pooled_upstream import PooledUpstream
from llm_migrate.engine.steps import Reply
from llm_migrate.engine.sync_driver import SyncRun
from llm_migrate.errors import MissingExtraError
from llm_migrate.taps.tap import Asked, Tap, internal_cut, internal_error

try:
    import requests
    from requests.adapters import BaseAdapter
    from requests.structures import CaseInsensitiveDict
    from requests.utils import get_encoding_from_headers
    from urllib3 import HTTPResponse
except ImportError as missing:
    raise MissingExtraError("llm_migrate.requests_session", "requests") from missing

_ENDLESS: Final = 409
_INSTEAD: Final = 500


def requests_session(*, config: str | Path | Config | None = None, chain: str = "default") -> requests.Session:
    """Return a session whose every request is answered from the targets of a chain.

    For openai 0.28: `openai.requestssession = llm_migrate.requests_session()`, and any text for `openai.api_key`. Its
    async calls do not go through a session of requests. For any number of threads.

    Args:
        config: path of a `llm-migrate.toml`, or a configuration; found by the usual rules if None.
        chain: which chain.

    Raises:
        ConfigError: no configuration, or one that is wrong.
    """
    session = requests.Session()
    session.trust_env = False  # looking for proxies and a .netrc would take a while, and find what is of no use here
    adapter = _Adapter(Tap(load_config(config), chain))
    for scheme in ("https://", "http://"):
        session.mount(scheme, adapter)
    return session


class _Adapter(BaseAdapter):
    """Answers requests from a chain."""

    def __init__(self, tap: Tap) -> None:
        super().__init__()
        self._tap = tap
        self._upstream = PooledUpstream()
        self._lock = threading.Lock()
        self._asking = 0
        self._streams: WeakSet[_Events] = WeakSet()

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,  # noqa: ARG002 (the answer shows whether it is one)
        timeout: float | tuple[float | None, float | None] | None = None,
        verify: bool | str | None = True,  # noqa: ARG002 (of an address that nobody connects to)
        cert: str | tuple[str, str] | None = None,  # noqa: ARG002
        proxies: dict[str, str] | None = None,  # noqa: ARG002
    ) -> requests.Response:
        """Answer a request; what goes wrong is an answer too, never an exception."""
        with self._lock:
            self._asking += 1
        events: _Events | None = None
        try:
            run = SyncRun(self._tap.open(_asked(request, timeout)), self._upstream, time.sleep)
            reply = run.start()
            events = _Events(run) if reply.body is None else None
        except Exception as e:
            reply = internal_error(e)
        finally:
            with self._lock:
                self._asking -= 1
                if events is not None:
                    self._streams.add(events)
        return _response(request, reply, events)

    def close(self) -> None:
        """Close the connections, if no call is under way.

        openai 0.28 closes a session every three minutes, though other threads may be using it.
        """
        with self._lock:
            if not self._asking and all(events.closed for events in list(self._streams)):
                self._upstream.close()


class _Events:
    """The body of a stream, as far as requests wants to know it.

    No `urllib3.HTTPResponse`: that one waits for the next events until as many bytes are there as were asked for, and
    closes itself from a finalizer, where the locks of a connection pool must not be taken.
    """

    def __init__(self, run: SyncRun) -> None:
        self.closed = False
        self._run = run

    def stream(self, amt: int | None = None, decode_content: bool | None = None) -> Iterator[bytes]:  # noqa: ARG002
        """Give events as they come, however few bytes they are."""
        while events := self.read(1):
            yield events

    def read(self, amt: int | None = None, decode_content: bool | None = None) -> bytes:  # noqa: ARG002
        """Return the next events, empty at the end; all that follow, if no number is given."""
        if amt is None:
            return b"".join(self.stream())
        try:
            events = b"" if self.closed else next(self._run, b"")
        except Exception as e:
            self._run.close()
            return internal_cut(e)
        if not events:
            self.close()
        return events

    def close(self) -> None:
        """End the call upstream."""
        self.closed = True
        self._run.close()


def _asked(request: requests.PreparedRequest, timeout: float | tuple[float | None, float | None] | None) -> Asked:
    body = request.body
    content = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else b""
    connect_s, read_s = timeout if isinstance(timeout, tuple) else (timeout, timeout)
    limits: Mapping[str, float | None] = {"connect": connect_s, "read": read_s}
    return Asked(request.method or "", request.path_url, content, {"timeout": limits})


def _response(request: requests.PreparedRequest, reply: Reply, events: _Events | None = None) -> requests.Response:
    response = requests.Response()
    response.status_code = _INSTEAD if reply.status == _ENDLESS else reply.status
    response.reason = reasons.get(response.status_code, "")
    response.headers = CaseInsensitiveDict(reply.headers)
    response.encoding = get_encoding_from_headers(response.headers)
    response.raw = events or HTTPResponse(
        io.BytesIO(reply.body or b""), headers=dict(reply.headers), status=response.status_code, preload_content=False
    )
    response.url = request.url or ""
    response.request = request
    return response
