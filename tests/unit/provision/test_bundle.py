# SPDX-License-Identifier: Apache-2.0
"""Bundles for support: everything that is there, nothing that is secret, whole or not at all."""

import os
import zipfile
from pathlib import Path

import pytest
import yaml

from edge.errors import EdgeError
from edge.provision.bundle import BundleReport, make_bundle, mask
from tests.fakes.node_client import FakeClient, service

SECRETS = "Oss.secrets.talos.dev"
CONFIG = "MachineConfigs.config.talos.dev"
PEM = "-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----"


def clients() -> list[FakeClient]:
    """Give a node that tells much and one that is dead."""
    talker = FakeClient(
        "10.0.0.1",
        specs={
            SECRETS: [{"ca": "hidden-1"}],
            CONFIG: ["version: v1alpha1\nmachine:\n    token: hidden-2.abcdef\n"],
            "Metas.runtime.talos.dev": [{"privateKey": "hidden-3", "note": f"x {PEM} y"}],
            "../../Evil.talos.dev": [{"a": 1}],
        },
        sensitive=frozenset({SECRETS}),
        running=[service("apid")],
        log={"apid": ["one", PEM.splitlines()[0]], "../evil": ["two"]},
    )
    return [talker, FakeClient("10.0.0.2", dead="connection refused")]


async def bundle(path: Path, *, overwrite: bool = False) -> BundleReport:
    """Make the bundle of both."""
    openers = {each.node: each.open for each in clients()}
    return await make_bundle(openers, path, overwrite=overwrite)


async def test_bundle_has_what_nodes_tell(tmp_path: Path) -> None:
    """Files of each node in a folder of its own; what is missing is noted, also of the dead."""
    report = await bundle(tmp_path / "b.zip")
    with zipfile.ZipFile(tmp_path / "b.zip") as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        log = archive.read("10.0.0.1/service-logs/apid.log").decode()
        kernel = archive.read("10.0.0.1/dmesg.log").decode()
        summary = yaml.safe_load(archive.read("summary.yaml"))
        told = b"".join(archive.read(name) for name in names).decode()
    assert len(names) == len(set(names))
    assert not [name for name in names if ".." in Path(name).parts or name.startswith("/")]
    assert {"10.0.0.1/version.yaml", "10.0.0.1/service-logs/apid.state"} <= set(names)
    assert {"10.0.0.1/errors.txt", "10.0.0.2/errors.txt"} <= set(names)
    assert log.startswith("one\n")
    assert kernel == "booting\n"
    assert "hidden" not in told
    assert "PRIVATE KEY" not in told
    assert "AAAA" not in told
    assert report.dead == ("10.0.0.2",)
    assert [len(each["missing"]) for each in summary["nodes"]] == [2, 1]


async def test_bundle_that_exists_is_kept(tmp_path: Path) -> None:
    """Only with force another takes its place, and nothing else is left in the folder."""
    (tmp_path / "b.zip").write_text("precious")
    with pytest.raises(EdgeError, match="already"):
        await bundle(tmp_path / "b.zip")
    assert (tmp_path / "b.zip").read_text() == "precious"
    await bundle(tmp_path / "b.zip", overwrite=True)
    assert zipfile.is_zipfile(tmp_path / "b.zip")
    assert os.listdir(tmp_path) == ["b.zip"]  # noqa: PTH208


def test_secrets_are_known_by_name_and_by_looks() -> None:
    """Keys in any nesting; what is public or empty stays."""
    given = {
        "token": "t",
        "key": "",
        "publicKey": "p",
        "list": [{"secretboxEncryptionSecret": "s"}, PEM],
        "aescbcEncryptionKey": "k",
        "count": 3,
    }
    assert mask(given) == {
        "token": "******",
        "key": "",
        "publicKey": "p",
        "list": [{"secretboxEncryptionSecret": "******"}, "******"],
        "aescbcEncryptionKey": "******",
        "count": 3,
    }
