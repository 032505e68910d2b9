"""A graph as indented text: the root first, and what was unfolded before is named and not unfolded again."""

from collections.abc import Hashable, Mapping, Sequence
from typing import TypeVar

K = TypeVar("K", bound=Hashable)
DEEPER = {"": "", "├─ ": "│  ", "└─ ": "   "}


def drawn(root: K, label: str, below: Mapping[K, Sequence[tuple[K, str]]]) -> str:
    """Return the text.

    Args:
        root: where to begin.
        label: its line.
        below: for each node its children in order, each with its line.
    """
    lines: list[str] = []
    seen: set[K] = set()

    def draw(at: K, text: str, lead: str, branch: str) -> None:
        children = below.get(at, ())
        again = at in seen and bool(children)
        lines.append(f"{lead}{branch}{text}{' (see above)' if again else ''}")
        if again:
            return
        seen.add(at)
        for number, (child, line) in enumerate(children, 1):
            draw(child, line, lead + DEEPER[branch], "└─ " if number == len(children) else "├─ ")

    draw(root, label, "", "")
    return "\n".join(lines)
