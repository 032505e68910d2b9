"""The data set: the pinned file and no other."""

import subprocess
import sys
from pathlib import Path

import pytest

from audit_pipeline.demo.source import locate, read
from audit_pipeline.errors import DemoDataError


def test_the_pinned_file_is_read_whole() -> None:
    table = read()
    assert table.shape == (20_190, 45)
    assert table["zper"].nunique() == 5_912


def test_a_changed_byte_is_refused(tmp_path: Path) -> None:
    data = bytearray(locate().read_bytes())
    data[1_000_000] ^= 1
    (tmp_path / "randhie.csv").write_bytes(data)
    with pytest.raises(DemoDataError, match=r"sha256 .* the demo pins fe64f3c8e987779d"):
        read(tmp_path / "randhie.csv")


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DemoDataError, match=r"'randhie.csv' does not exist\. Install the tested release"):
        read(tmp_path / "randhie.csv")


def test_statsmodels_is_found_without_being_imported() -> None:
    code = "import sys; from audit_pipeline.demo.source import locate; locate(); print('statsmodels' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
