# SPDX-License-Identifier: Apache-2.0
"""Bundles for support: everything that is there, nothing that is secret, whole or not at all."""

import os
import stat
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
URL = "siderolink.api=grpc://bob:hidden-4@host?jointoken=hidden-5"


def clients() -> list[FakeClient]:
    """Give a node that tells much and one that is dead."""
    talker = FakeClient(
        "10.0.0.1",
        specs={
            SECRETS: [{"ca": "hidden-1"}],
            CONFIG: ["version: v1alpha1\nmachine:\n    token: hidden-2.abcdef\n"],
            "Metas.runtime.talos.dev": [{"privateKey": "hidden-3", "note": f"x {PEM} y"}],
            "../../Evil.talos.dev": [{"a": 1, "joinToken": {"value": "hidden-6"}, "b": URL}],
        },
        sensitive=frozenset({SECRETS}),
        running=[service("apid")],
        log={"apid": ["one", *PEM.splitlines(), f"last {URL}"], "../evil": ["two"]},
    )
    return [talker, FakeClient("10.0.0.2", dead=f"connection refused by {URL}")]


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
    assert log.startswith("one\n******\n")
    assert "\nlast siderolink.api=grpc://******@host?" in log
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


async def test_only_the_owner_can_read_it(tmp_path: Path) -> None:
    """Whatever the umask says, and nothing that was laid out beside it is written to."""
    trap = tmp_path / "trap"
    trap.write_text("precious")
    (tmp_path / ".b.zip.part").symlink_to(trap)
    before = os.umask(0)
    try:
        await bundle(tmp_path / "b.zip")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "b.zip").stat().st_mode) == 0o600
    assert trap.read_text() == "precious"


async def test_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    """Before any node is asked."""
    with pytest.raises(EdgeError, match="No such file"):
        await bundle(tmp_path / "none" / "b.zip")


def test_secrets_are_known_by_name_and_by_looks() -> None:
    """Keys in any nesting; what is public or empty stays."""
    given = {
        "token": "t",
        "key": "",
        "publicKey": "p",
        "list": [{"secretboxEncryptionSecret": "s"}, PEM],
        "aescbcEncryptionKey": "k",
        "count": 3,
        "presharedKey": 17,
        "bootstrapToken": ["t", {"deep": "t"}],
        "secret": False,
    }
    assert mask(given) == {
        "token": "******",
        "key": "",
        "publicKey": "p",
        "list": [{"secretboxEncryptionSecret": "******"}, "******"],
        "aescbcEncryptionKey": "******",
        "count": 3,
        "presharedKey": "******",
        "bootstrapToken": ["******", {"deep": "******"}],
        "secret": False,
    }
