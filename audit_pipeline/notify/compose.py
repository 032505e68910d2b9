"""What an alert says: verdicts, the sentences of the findings that decided, and what to do next."""

from collections.abc import Sequence
from dataclasses import dataclass

from audit_pipeline.records import Outcome

SHOWN = 3  # reasons per model-night; the report has all of them


@dataclass(frozen=True, slots=True)
class Alarm:
    """One model-night that its owner must hear of."""

    model_id: str
    night: str
    verdict: Outcome
    conclusion: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Message:
    """One message, ready to send."""

    title: str
    body: str


def compose(project: str, owner: str, alarms: Sequence[Alarm]) -> Message:
    """Return the one message about `alarms` for one owner.

    Args:
        project: name of the project.
        owner: the owner's name.
        alarms: at least one; model-nights with verdict FAIL or NOT_EVALUATED.
    """
    failed = sum(a.verdict is Outcome.FAIL for a in alarms)
    rest = len(alarms) - failed
    parts = [f"{failed} FAIL"] if failed else []
    parts += [f"{rest} NOT_EVALUATED"] if rest else []
    lines = [f"For {owner}:", ""]
    for alarm in alarms:
        lines.append(f"{alarm.verdict} {alarm.model_id} {alarm.night} ({alarm.conclusion})")
        lines += [f"  - {reason}" for reason in alarm.reasons[:SHOWN]]
        more = len(alarm.reasons) - SHOWN
        if more > 0:
            lines.append(f"  - and {more} more finding{'s' if more > 1 else ''}")
        lines.append(f"  audit-pipeline show {alarm.model_id} {alarm.night}")
    return Message(f"[{project}] model audit: {', '.join(parts)}", "\n".join(lines))
