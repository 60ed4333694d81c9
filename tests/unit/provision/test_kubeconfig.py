# SPDX-License-Identifier: Apache-2.0
"""Kubeconfigs are merged by name, and snapshots saved only whole."""

import hashlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import yaml

from edge.errors import ConfigError, EdgeError, NodeError
from edge.provision.kubeconfig import merge_kubeconfig, rename_context
from edge.provision.snapshot import save_snapshot


def config(name: str, server: str = "https://x") -> str:
    """Return a kubeconfig with one of everything."""
    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": name, "cluster": {"server": server}}],
            "users": [{"name": f"admin@{name}", "user": {}}],
            "contexts": [{"name": f"admin@{name}", "context": {"cluster": name}}],
            "current-context": f"admin@{name}",
        }
    )


def test_entries_are_added_and_become_current() -> None:
    """What was there stays; merging twice changes nothing."""
    merged = merge_kubeconfig(config("a"), config("b"))
    found = yaml.safe_load(merged)
    assert [each["name"] for each in found["clusters"]] == ["a", "b"]
    assert found["current-context"] == "admin@b"
    assert merge_kubeconfig(merged, config("b")) == merged
    assert yaml.safe_load(merge_kubeconfig("", config("b")))["current-context"] == "admin@b"


def test_other_entries_of_the_same_name_are_not_lost() -> None:
    """Only force replaces them."""
    with pytest.raises(ConfigError, match="another cluster 'a'"):
        merge_kubeconfig(config("a"), config("a", "https://y"))
    merged = merge_kubeconfig(config("a"), config("a", "https://y"), overwrite=True)
    assert yaml.safe_load(merged)["clusters"][0]["cluster"]["server"] == "https://y"


def test_context_can_have_another_name() -> None:
    """The context that is current is renamed and stays current."""
    renamed = yaml.safe_load(rename_context(config("a"), "mine"))
    assert (renamed["contexts"][0]["name"], renamed["current-context"]) == ("mine", "mine")


@pytest.mark.parametrize("bad", ["[1]", "clusters: 3", "users: [x]", "a: [", "x"])
def test_what_is_no_kubeconfig_is_refused(bad: str) -> None:
    """A file that kubectl could not read is not touched."""
    with pytest.raises(ConfigError):
        merge_kubeconfig(bad, config("a"))


async def chunks(data: bytes) -> AsyncIterator[bytes]:
    """Yield `data` in pieces that cut the digest."""
    for at in range(0, len(data), 700):
        yield data[at : at + 700]


async def test_snapshot_is_saved_when_its_digest_is_right(tmp_path: Path) -> None:
    """A file that exists is kept unless told otherwise."""
    pages = bytes(range(256)) * 16
    whole = pages + hashlib.sha256(pages).digest()
    assert await save_snapshot(chunks(whole), tmp_path / "db") == len(whole)
    assert (tmp_path / "db").read_bytes() == whole
    with pytest.raises(EdgeError, match="already"):
        await save_snapshot(chunks(whole), tmp_path / "db")


async def test_snapshot_is_its_owners_alone(tmp_path: Path) -> None:
    """Every secret of the cluster is in it; what others laid out where it goes is not written."""
    pages = bytes(512)
    whole = pages + hashlib.sha256(pages).digest()
    (tmp_path / "elsewhere").write_bytes(b"mine")
    (tmp_path / "db.part").symlink_to("elsewhere")
    await save_snapshot(chunks(whole), tmp_path / "db")
    assert (tmp_path / "db").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "elsewhere").read_bytes() == b"mine"
    with pytest.raises(EdgeError, match="No such file"):
        await save_snapshot(chunks(whole), tmp_path / "none/db")


@pytest.mark.parametrize("bad", [b"", b"x" * 1024, b"x" * (512 + 32)])
async def test_snapshot_that_is_not_whole_leaves_nothing(tmp_path: Path, bad: bytes) -> None:
    """Neither the file nor a part of it."""
    with pytest.raises(NodeError, match="did not arrive whole"):
        await save_snapshot(chunks(bad), tmp_path / "db")
    assert os.listdir(tmp_path) == []  # noqa: PTH208
