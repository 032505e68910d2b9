"""`commands.md`: every command with its arguments, options and exit codes, from the program itself."""

import inspect
import re
import typing
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import typer

from audit_pipeline import errors
from audit_pipeline.cli.app import app
from docs.markdown import code, page, table

PROGRAM = "audit-pipeline"
EXIT_CODE = re.compile(r"^    (\w+) = (\d+)  # (.+)$", re.MULTILINE)


def commands() -> str:
    """Return the page."""
    root: Any = typer.main.get_command(app)
    parts = [
        f"{root.help} Also `python -m audit_pipeline`. Results go to stdout, everything else to stderr.",
        "## Before every command",
        code(f"{PROGRAM} [--project DIR] COMMAND ..."),
        _parameters(root),
    ]
    for name, command in leaves(root, ""):
        parts += _command(name, command)
    return page("Commands", [*parts, *_exit_codes()])


def leaves(group: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    """Yield every command below `group` with its full name."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from leaves(command, f"{prefix}{name} ")
        else:
            yield f"{prefix}{name}", command


def _command(name: str, command: Any) -> list[str]:
    """Describe one command: what it does, how it is called, its parameters, one line to paste."""
    text, _, example = f"{inspect.cleandoc(command.help)}\n{command.epilog or ''}".partition("Example: ")
    arguments = [_word(p) if p.required else f"[{_word(p)}]" for p in command.params if not is_option(p)]
    options = ["[OPTIONS]"] if any(is_option(p) for p in command.params) else []
    usage = " ".join([PROGRAM, name, *options, *arguments])
    parts = [f"## {name}", text.strip(), f"```\n{usage}\n```"]
    if command.params:
        parts.append(_parameters(command))
    return [*parts, f"```console\n$ {example.strip()}\n```"]


def is_option(parameter: Any) -> bool:
    """Tell an option from an argument."""
    return bool(parameter.opts[0].startswith("-"))


def _parameters(command: Any) -> str:
    """Return the table of a command's arguments and options."""
    hints = typing.get_type_hints(command.callback)
    rows = []
    for parameter in command.params:
        text = getattr(parameter, "help", None) or ""
        if parameter.envvar:
            text += f" Or the environment variable {code(parameter.envvar)}."
        names = ", ".join(map(code, parameter.opts)) if is_option(parameter) else code(_word(parameter))
        rows.append((names, _value(parameter, hints[parameter.name]), _default(parameter), text))
    return table(("name", "value", "default", "meaning"), rows)


def _word(parameter: Any) -> str:
    """Return the word a usage line has for an argument."""
    return str(parameter.metavar or parameter.name.upper())


def _value(parameter: Any, hint: Any) -> str:
    """Say what the parameter takes."""
    kinds = [part for part in (hint, *typing.get_args(hint)) if inspect.isclass(part)]
    if bool in kinds:
        return ""
    if datetime in kinds:
        return "YYYY-MM-DD"
    return "a number" if int in kinds else "repeatable" if parameter.multiple else "text"


def _default(parameter: Any) -> str:
    if parameter.required:
        return "**required**"
    return "" if parameter.default in (None, False, ()) else code(parameter.default)


def _exit_codes() -> list[str]:
    """List the exit codes with the words of their definition, and the errors that lead to each."""
    words = {int(number): text for _, number, text in EXIT_CODE.findall(inspect.getsource(errors.ExitCode))}
    rows = []
    for member in errors.ExitCode:
        tree = [kind for kind in _tree(errors.AuditError) if kind.__module__ == errors.__name__]
        ends = [kind.__name__ for kind in tree if kind.exit_code is member]
        rows.append((code(int(member)), member.name, words[int(member)], ", ".join(map(code, ends))))
    note = (
        "Of `run`: when several apply, 1 comes before 3, and 3 before 4. An interrupted command (Ctrl-C) ends with "
        "130; what was finished is kept."
    )
    return ["## Exit codes", note, table(("code", "name", "meaning", "errors that end a command with it"), rows)]


def _tree(kind: type[errors.AuditError]) -> Iterator[type[errors.AuditError]]:
    yield kind
    for below in kind.__subclasses__():
        yield from _tree(below)
