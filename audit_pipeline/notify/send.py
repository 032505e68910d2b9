"""Hand one message to one channel through Apprise, its only import."""

import logging

from audit_pipeline.errors import NotifyError
from audit_pipeline.notify.compose import Message


def send(url: str, message: Message) -> None:
    """Send `message` to the Apprise `url`; the url is a secret and never shown.

    Raises:
        NotifyError: the url is of no known service, or the service did not take the message.
    """
    import apprise

    logging.getLogger("apprise").setLevel(logging.CRITICAL)  # its log lines hold the address
    channel = apprise.Apprise()
    if not channel.add(url):
        raise NotifyError("the channel's address is of no service that Apprise knows")
    if not channel.notify(title=message.title, body=message.body, body_format=apprise.NotifyFormat.TEXT):
        raise NotifyError("the channel did not take the message")
