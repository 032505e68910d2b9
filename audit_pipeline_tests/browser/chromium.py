"""One visit to a page with headless Chromium: its DOM afterwards, what it said and asked for; or its print."""

import re
import shutil
import subprocess
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--enable-logging=stderr",
    "--window-size=1600,1000",
]


@dataclass(frozen=True)
class Visit:
    """What a visit left behind."""

    dom: str
    body: dict[str, str]  # attributes of <body>
    console: list[str]
    requests: list[str]  # addresses other than the page's own file


class _Body(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "body":
            self.found = {key: value or "" for key, value in attrs}


def visit(page: Path, *, fragment: str = "") -> Visit:
    """Open `page` in a new browser, wait until its scripts are done, and close it."""
    assert CHROMIUM
    profile, log = page.with_suffix(".profile"), page.with_suffix(".netlog")
    command = [
        CHROMIUM,
        *FLAGS,
        f"--user-data-dir={profile}",
        f"--log-net-log={log}",
        "--virtual-time-budget=5000",
        "--dump-dom",
        f"{page.as_uri()}{fragment}",
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=90, check=True)
    shutil.rmtree(profile, ignore_errors=True)
    parser = _Body()
    parser.feed(done.stdout)
    return Visit(
        dom=done.stdout,
        body=parser.found,
        console=[line for line in done.stderr.splitlines() if "CONSOLE" in line],
        requests=_requests(log.read_text(errors="replace")),
    )


def printed(page: Path) -> bytes:
    """Print `page` and return the PDF."""
    assert CHROMIUM
    profile, pdf = page.with_suffix(".profile"), page.with_suffix(".pdf")
    kinds = ["--virtual-time-budget=5000", "--no-pdf-header-footer", f"--print-to-pdf={pdf}"]
    command = [CHROMIUM, *FLAGS, f"--user-data-dir={profile}", *kinds, page.as_uri()]
    subprocess.run(command, capture_output=True, timeout=90, check=True)
    shutil.rmtree(profile, ignore_errors=True)
    return pdf.read_bytes()


def _requests(log: str) -> list[str]:
    """Addresses that the page asked for; what the browser asks for itself has no origin. One event per line."""
    asked = re.findall(r'"initiator":"(?!not an origin")[^\n]*"url":"((?!file:|data:)[^"]*)"', log)
    return sorted(set(asked))
