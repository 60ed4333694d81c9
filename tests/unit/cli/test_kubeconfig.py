# SPDX-License-Identifier: Apache-2.0
"""Where a fetched kubeconfig goes, and what is never overwritten unasked."""

from pathlib import Path

import pytest
import yaml

from edge.cli.commands.kubeconfig import _store, _target
from edge.errors import EdgeError

TEXT = (
    b"apiVersion: v1\nclusters: [{name: c}]\nusers: []\ncontexts: [{name: x}]\ncurrent-context: x\n"
)


def test_the_file_is_the_one_that_kubectl_uses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unless a file or a folder is named."""
    monkeypatch.setenv("KUBECONFIG", f"{tmp_path}/a:{tmp_path}/b")
    assert _target(None) == tmp_path / "a"
    monkeypatch.delenv("KUBECONFIG")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert _target(None) == tmp_path / ".kube/config"
    assert _target(str(tmp_path)) == tmp_path / "kubeconfig"
    assert _target("file") == Path("file")


def test_it_is_merged_or_refused(tmp_path: Path) -> None:
    """A new file is for its owner alone; an old one is added to; without merging it is kept."""
    file = tmp_path / "new/config"
    _store(TEXT, file, name="mine", force=False, merge=True)
    assert file.stat().st_mode & 0o777 == 0o600
    assert yaml.safe_load(file.read_text())["current-context"] == "mine"
    _store(TEXT, file, name="", force=False, merge=True)
    contexts = yaml.safe_load(file.read_text())["contexts"]
    assert [each["name"] for each in contexts] == ["mine", "x"]
    with pytest.raises(EdgeError, match="already"):
        _store(TEXT, file, name="", force=False, merge=False)
    _store(TEXT, file, name="", force=True, merge=False)
    assert file.read_bytes() == TEXT
