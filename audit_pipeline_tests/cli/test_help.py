"""Every command says how it is used, and ends with a line that can be pasted."""

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from audit_pipeline.cli.app import app, project_first
from audit_pipeline_tests.cli.conftest import Call


def commands(group: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield every command and group below `group` with the words that call it."""
    yield words, group
    for name, command in getattr(group, "commands", {}).items():
        yield from commands(command, (*words, name))


ALL = dict(commands(typer.main.get_command(app)))
RESULTLESS = {
    ("ui",),
    ("version",),
    ("lineage", "graph"),
    ("lineage", "export"),
}  # start a server, print one word, write a file


@pytest.mark.parametrize("words", ALL, ids=" ".join)
def test_help_ends_with_a_line_that_parses(
    call: Call, words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "predictions-2026-11-20.csv").touch()  # that of the example of `init`
    ended = call(*words, "--help")
    last = ended.out.strip().splitlines()[-1].strip()
    assert (ended.code, ended.err) == (0, "")
    assert last.startswith("Example: audit-pipeline ")
    _, *example = shlex.split(last.removeprefix("Example: "))
    command: Any = ALL[()]
    while hasattr(command, "commands"):
        command, example = command.commands[example[0]], example[1:]
    command.make_context("example", example)  # refuses an option or argument that is not there


def test_every_command_that_prints_a_result_can_print_json() -> None:
    without = {
        words
        for words, command in ALL.items()
        if not hasattr(command, "commands") and "--json" not in {o for p in command.params for o in p.opts}
    }
    assert without == RESULTLESS


def test_without_a_command_the_help_is_shown(call: Call) -> None:
    assert "Nightly, provable audits" in call().out


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("status --project a", "--project a status"),
        ("status --json --project=a", "--project=a status --json"),
        ("--project a status", "--project a status"),
        ("query -- --project", "query -- --project"),
        ("status --project", "--project status"),
    ],
)
def test_the_project_may_stand_after_the_command(given: str, read: str) -> None:
    assert project_first(given.split()) == read.split()
