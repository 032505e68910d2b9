"""The text of a proposed model file: line by line, so that every guess carries its reason as a comment."""

import json
import re
from collections.abc import Iterator, Sequence

from audit_pipeline.roles import Guess

YAML_WORDS = ("true", "false", "yes", "no", "on", "off", "null", "y", "n")
HEAD = """# Proposed from {log}. Review every line: types, roles and privacy classes are guesses.
schema_version: 1
model_id: {model_id}
version: "1"
description: What it predicts, for whom.
owner: {owner}
domain: {model_id}
task: {task}

log:
  path: {path}
# labels:            # outcomes, joined by row_id; without them performance is not measured
#   path: "input/{model_id}_labels/{{night}}.parquet"
#   column: outcome
#   privacy: sensitive
#   delay_nights: 30
reference:           # a night is compared with the nights before it; a file of training data is better:
  window: {{nights: 7}}
  # path: input/reference.parquet

columns:"""
TAIL = "policy: {}           # defaults: PSI 0.1 warns, 0.25 fails"


def model_yaml(model_id: str, path: str, log: str, guesses: Sequence[Guess], *, owner: str) -> str:
    """Return the model file.

    Args:
        model_id: its name.
        path: the log's, with `{night}`.
        log: name of the file the guesses come from.
        guesses: of every column; those left out stand as comments.
        owner: a key of `owners` in project.yaml.
    """
    task = "binary" if any(guess.column.role == "score" for guess in guesses) else "regression"
    head = HEAD.format(log=_scalar(log), model_id=model_id, owner=owner, task=task, path=_scalar(path))
    return "\n".join([head, *_columns(guesses), "", TAIL, ""])


def _columns(guesses: Sequence[Guess]) -> Iterator[str]:
    """Yield a line per column."""
    for guess in guesses:
        column = guess.column
        what = f"{{type: {column.type}, privacy: {column.privacy}, role: {column.role}}}"
        if guess.left_out:
            yield "  # left out: an audit needs no names (`role: subject_id` would tell whose rows belong together)"
            yield f"  # {_key(column.name)}: {what}  # {guess.why}"
        else:
            yield f"  {_key(column.name)}: {what}  # {guess.why}"


def _key(name: str) -> str:
    """Return a YAML key; quoted when it is not a plain word."""
    return name if re.fullmatch(r"[A-Za-z_]\w*", name) and name.lower() not in YAML_WORDS else _scalar(name)


def _scalar(text: str) -> str:
    """Return a quoted YAML scalar; JSON is YAML."""
    return json.dumps(text, ensure_ascii=False)
