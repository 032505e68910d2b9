"""Secrets by reference: found, or missing with the reference and never with the secret."""

from pathlib import Path

import pytest

from audit_pipeline.config.secrets import read_key, read_secret
from audit_pipeline.errors import ExitCode, KeyMissingError

KEY = "0f" * 32


def test_a_secret_comes_from_a_variable_or_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUDIT_TEST_KEY", f" {KEY}\n")
    (tmp_path / "key").write_text(KEY + "\n")
    assert read_key("test", "env:AUDIT_TEST_KEY", tmp_path) == read_key("test", "file:key", tmp_path) == b"\x0f" * 32
    assert read_secret("channel pager", "env:AUDIT_TEST_KEY", tmp_path) == KEY


@pytest.mark.parametrize("content", [None, "", "  \n", KEY[:-2], KEY + "00", "zz" * 32, "\xff"])
def test_a_key_that_is_none_is_missing_and_not_shown(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "key").write_text(content, encoding="latin-1")
    with pytest.raises(KeyMissingError) as caught:
        read_key("pseudonym", "file:key", tmp_path)
    assert "file:key" in str(caught.value)
    assert not (content and content.strip() and content in str(caught.value))
    assert caught.value.exit_code is ExitCode.USAGE


def test_a_folder_is_no_secret(tmp_path: Path) -> None:
    with pytest.raises(KeyMissingError):
        read_secret("channel pager", "file:.", tmp_path)


def test_a_missing_channel_says_where_to_put_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AUDIT_PAGER_URL", raising=False)
    with pytest.raises(KeyMissingError, match=r"not at 'env:AUDIT_PAGER_URL'\. Set the variable AUDIT_PAGER_URL where"):
        read_secret("channel pager", "env:AUDIT_PAGER_URL", tmp_path)
