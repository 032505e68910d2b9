"""The pages say what the code does: generated ones are the generator's, the others name what exists."""

import inspect
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from audit_pipeline.cli.app import app
from audit_pipeline.config import ModelConfig, ProjectConfig, SuiteConfig
from audit_pipeline.errors import ExitCode
from audit_pipeline.evidence import keyring, verify_erased, verify_file, verify_log
from audit_pipeline.evidence import verify as verify_function
from docs.commands import is_option, leaves
from docs.configuration import configuration
from docs.generate import PAGES
from docs.markdown import anchor
from docs.tables import tables

ROOT = Path(__file__).parents[1]
WRITTEN = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "data" / "README.md", ROOT / "docs" / "operations.md"]
OPERATIONS = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
COMMAND = re.compile(r"(?<![\w-])audit-pipeline(?: [^`\n]*)?")
PROSE = re.compile(r"```.*?```|~~~.*?~~~", re.DOTALL)


@pytest.mark.parametrize("name", PAGES)
def test_a_generated_page_is_what_the_generator_writes_now(name: str) -> None:
    found = (ROOT / "docs" / name).read_text(encoding="utf-8")
    assert found == PAGES[name](), f"docs/{name} is stale: run `python -m docs.generate`"


def test_every_key_has_a_meaning() -> None:
    rows = re.findall(r"^\| (`\w+`) \|.*\| ([^|]*) \|$", configuration(), re.MULTILINE)
    keys = [name for kind in (ProjectConfig, ModelConfig, SuiteConfig) for name in kind.model_fields]
    named = {key.strip("`") for key, _ in rows}
    assert set(keys) <= named
    types = configuration().split("## Expectation types")[0]
    empty = re.findall(r"^\| (`\w+`) \|.*\|  \|$", types, re.MULTILINE)
    assert not empty, f"no description: {empty}"


def test_every_column_has_a_meaning_and_its_table_stands_in_the_overview() -> None:
    page = tables()
    assert not re.findall(r"^\| `\w+` \| [A-Z]\S* \|  \|$", page, re.MULTILINE)
    sections = set(re.findall(r"^## (\w+\.\w+)$", page, re.MULTILINE))
    overview = set(re.findall(r"^\| `(\w+\.\w+)` \| (?:table|view) ", page, re.MULTILINE))
    assert sections == overview
    assert {"audit.drift", "audit.v_last_night", "lineage.event"} <= sections


def commands_in(text: str) -> list[str]:
    """Return every call of the program in code blocks and code spans."""
    code = [*re.findall(r"```.*?```", text, re.DOTALL), *re.findall(r"`[^`\n]+`", PROSE.sub("", text))]
    lines = [line for block in code for line in block.strip("`").replace("\\\n", " ").splitlines()]
    return [found[0] for line in lines if (found := COMMAND.search(line))]


def call_faults(call: str) -> list[str]:
    """Say what of a call the program would not take."""
    root: Any = typer.main.get_command(app)
    known = dict(leaves(root, ""))
    words = shlex.split(re.split(r"\s(?:[|>#&;]|2>|\|\|)|\.\.\.|; ", call)[0], comments=True)[1:]
    if "--project" in words:
        place = words.index("--project")
        words = words[:place] + words[place + 2 :]
    if not words or "|" in words[-1] or words[0].isupper():
        return []  # the name of the program, or of a family of commands
    name = next((" ".join(words[:n]) for n in (2, 1) if " ".join(words[:n]) in known), None)
    if name is None:
        families = {leaf.split()[0] for leaf in known}
        return [] if words[0] in families and len(words) == 1 else [f"no command: {call}"]
    options = {o: p for p in known[name].params if is_option(p) for o in (*p.opts, *p.secondary_opts)}
    given = [word.split("=")[0] for word in words[len(name.split()) :] if word.startswith("-") and word != "-"]
    return [f"no option {word}: {call}" for word in given if word not in options]


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: page.name)
def test_a_page_names_commands_and_options_that_exist(page: Path) -> None:
    calls = commands_in(page.read_text(encoding="utf-8"))
    assert not [fault for call in calls for fault in call_faults(call)]


def test_every_command_ends_with_a_line_one_can_paste() -> None:
    page = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    examples = re.findall(r"^\$ (.*)$", page, re.MULTILINE)
    assert len(examples) == len(dict(leaves(typer.main.get_command(app), "")))
    assert all(example.startswith("audit-pipeline ") and not call_faults(example) for example in examples)


def test_a_wrong_command_in_a_page_is_found() -> None:
    text = (
        "```console\n$ audit-pipeline --project p rnu\n```\n`audit-pipeline run --nihgt x` `audit-pipeline run --force`"
    )
    assert len([fault for call in commands_in(text) for fault in call_faults(call)]) == 2


@pytest.mark.parametrize("page", [*WRITTEN, *sorted((ROOT / "docs").rglob("*.md"))], ids=lambda p: p.name)
def test_a_link_leads_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"```.*?```", "", text, flags=re.DOTALL)):
        if target.startswith(("http://", "https://")):
            continue
        file, _, fragment = target.partition("#")
        path = (page.parent / file) if file else page
        assert path.exists(), f"{page.name} links to {target}"
        if fragment:
            heads = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
            assert f"#{fragment}" in {anchor(head) for head in heads}, f"{page.name} links to {target}"


def test_operations_quotes_what_verify_says() -> None:
    modules = (sys.modules[verify_function.__module__], verify_log, verify_file, verify_erased, keyring)
    source = "".join(map(inspect.getsource, modules))
    section = OPERATIONS.split("## When `verify` fails")[1].split("\n## ")[0]
    quoted = [q for row in re.findall(r"^\| (`.*?) \|", section, re.MULTILINE) for q in re.findall(r"`([^`]+)`", row)]
    assert len(quoted) >= 6
    missing = [q for q in quoted if not all(part in source for part in q.split(" N "))]
    assert not missing


def test_operations_names_every_exit_code() -> None:
    named = {int(number) for number in re.findall(r"^\| (\d+) \|", OPERATIONS, re.MULTILINE)}
    assert named >= {int(code) for code in ExitCode}


def test_the_yaml_in_operations_is_a_configuration() -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", OPERATIONS, re.DOTALL)
    assert blocks
    for block in blocks:
        part = yaml.safe_load(block)
        least = {"name": "p", "nights": {"first": "2026-01-01"}, "owners": {"team": {"name": "Team"}}}
        whole = {"schema_version": 1} | least | part
        ProjectConfig.model_validate(whole)


def test_the_unit_file_is_one(tmp_path: Path) -> None:
    systemd = Path("/usr/bin/systemd-analyze")
    if not systemd.exists():
        pytest.skip("no systemd-analyze")
    unit = next(block for block in re.findall(r"```ini\n(.*?)```", OPERATIONS, re.DOTALL) if "[Service]" in block)
    file = tmp_path / "audit-pipeline.service"
    file.write_text(re.sub(r"^(ExecStart)=\S+", r"\1=/bin/true", unit, flags=re.MULTILINE))  # not installed here
    command = [str(systemd), "verify", "--man=no", str(file)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=30)
    ours = [line for line in done.stderr.splitlines() if "audit-pipeline" in line]
    assert not ours, ours
