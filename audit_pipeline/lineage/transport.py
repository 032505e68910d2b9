"""Hand one stored event to one consumer by the OpenLineage client's own HTTP transport.

The second door to the client: `events.py` makes events with its classes, this sends JSON that was made before. Apart,
so that making events imports no HTTP and sending imports no event classes.

The transport is given everything and looks nothing up: no `openlineage.yml`, no environment of the client, no login of
~/.netrc. It does not retry (the relay's cursor does, on disk) and follows no redirect: `requests` would turn a POST
into a GET, and the 200 to that would pass for an event taken.
"""

from types import TracebackType
from typing import Any, Self

import requests
from openlineage.client.transport.http import ApiKeyTokenProvider, HttpConfig, HttpTransport, TokenProvider

from audit_pipeline.errors import LineageError, RelayError

REFUSALS = (400, 413, 422)  # about this one event: it would be refused again


class Consumer:
    """An open connection to one consumer."""

    def __init__(self, url: str, *, api_key: str | None, timeout_s: float) -> None:
        """`url` is its address without the path of the protocol; nothing is sent yet.

        Raises:
            LineageError: the key cannot be sent.
        """
        if api_key is not None and not (api_key.isascii() and api_key.isprintable()):
            raise LineageError(
                "The relay's API key holds characters that no HTTP header can. Write it again, one line."
            )
        session = requests.Session()
        session.max_redirects = 0
        session.auth = _no_login
        self._url = url
        self._transport = HttpTransport(
            HttpConfig(
                url=f"{url.rstrip('/')}/",  # without the slash, the path of the protocol would replace that of the url
                timeout=timeout_s,
                auth=ApiKeyTokenProvider({"api_key": api_key}) if api_key else TokenProvider({}),
                session=session,
                retry={"total": 0},
            )
        )

    def __enter__(self) -> Self:
        """Return the consumer itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connection."""
        self._transport.close()

    def send(self, event: dict[str, Any]) -> int | None:
        """Send one event; return None when it was taken, or the HTTP status with which it was refused for good.

        Raises:
            RelayError: it was not taken and may be later; the message holds nothing of the event or the answer.
        """
        try:
            status = self._post(event)
        except (OSError, ValueError) as error:  # those of `requests`, and what it lets through from below
            raise RelayError(f"{self._url} {_why(error)}.") from error
        if status in REFUSALS:
            return status
        if not 200 <= status < 300:
            raise RelayError(f"{self._url} answered with status {status}{_hint(status)}.")
        return None

    def _post(self, event: Any) -> int:
        """Return the status of the answer, also where the transport raises it; JSON is not of its types, hence Any."""
        try:
            return self._transport.emit(event).status_code
        except requests.HTTPError as error:
            if error.response is None:
                raise
            return error.response.status_code


def _no_login(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Leave a request as it is: with an `auth` of its own, a session does not look for one in ~/.netrc."""
    return request


def _why(error: Exception) -> str:
    """Say in words why there is no answer; the library's own text may quote what was sent."""
    kinds: tuple[tuple[type[Exception], str], ...] = (
        (requests.TooManyRedirects, "redirects to another address: give that one as `lineage.relay.url`"),
        (requests.Timeout, "did not answer in time"),
        (requests.exceptions.SSLError, "has no certificate that is trusted here"),
        (requests.exceptions.ProxyError, "cannot be reached through the proxy of this environment"),
        (requests.ConnectionError, "cannot be reached"),
    )
    return next(
        (words for kind, words in kinds if isinstance(error, kind)), f"cannot be sent to ({type(error).__name__})"
    )


def _hint(status: int) -> str:
    """Say what to look at, where the status tells."""
    if status in (401, 403):
        return ": look at `lineage.relay.api_key`"
    return ": look at `lineage.relay.url`" if status in (404, 405) else ""
