"""Hand one message to one channel through Apprise, its only import."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from audit_pipeline.errors import NotifyError
from audit_pipeline.notify.compose import Message

TALKATIVE = ("apprise", "urllib3")  # at some level their log lines hold the address or its path


def send(url: str, message: Message) -> None:
    """Send `message` to the Apprise `url`; the url is a secret and never shown.

    Raises:
        NotifyError: the url is of no known service, or the service did not take the message.
    """
    import apprise

    with _silent():
        channel = apprise.Apprise()
        if not channel.add(url):
            raise NotifyError("the channel's address is of no service that Apprise knows")
        if not channel.notify(title=message.title, body=message.body, body_format=apprise.NotifyFormat.TEXT):
            raise NotifyError("the channel did not take the message")


@contextmanager
def _silent() -> Iterator[None]:
    """Keep the libraries below from logging, whatever level the program runs at; loggers under theirs inherit it."""
    before = {logging.getLogger(name): logging.getLogger(name).level for name in TALKATIVE}
    for logger in before:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in before.items():
            logger.setLevel(level)
