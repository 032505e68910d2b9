"""Alerts to the owners of models: one message per run and owner, without any row's values."""

from audit_pipeline.notify.compose import Alarm, Message, compose
from audit_pipeline.notify.send import send

__all__ = ["Alarm", "Message", "compose", "send"]
