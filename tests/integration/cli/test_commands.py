# SPDX-License-Identifier: Apache-2.0
"""Commands that look into nodes: figures, files, sockets, services, health, bundles."""

import io
import json
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from .conftest import ROOT, Cluster, edgectl, following

DEAD = "127.42.255.1"
PORT = 50000


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("disks", {"device", "size_bytes", "is_system"}),
        ("memory", {"memtotal", "memavailable"}),
        ("mounts", {"filesystem", "mounted_on", "percent_used"}),
        ("ps --sort cpu --count 2", {"pid", "command", "resident_bytes"}),
        ("ls / -l -d 2", {"name", "mode", "size", "modified"}),
        ("usage / --depth 1 -a", {"name", "size"}),
        ("df /", {"path", "available_bytes", "inodes_free"}),
        ("service", {"service", "state", "health"}),
    ],
)
def test_rows_of_all_nodes(cluster: Cluster, line: str, names: set[str]) -> None:
    """JSON lines and tables of the same rows; a dead node costs a line and the exit code."""
    nodes = {node.address for node in cluster.nodes}
    done = edgectl(*line.split(), "-o", "jsonl")
    assert done.code == 0, done.err
    rows = [json.loads(each) for each in done.out.splitlines()]
    assert {row["node"] for row in rows} == nodes
    assert all(names <= set(row) for row in rows)
    done = edgectl(*line.split(), "-n", f"{cluster.first},{DEAD}")
    assert done.code == 9
    assert done.out.startswith("NODE")
    assert {row[0] for row in done.rows()[1:]} == {cluster.first}
    assert f"{DEAD} cannot be reached" in done.err


def test_what_cannot_be_measured_costs_the_exit_code(cluster: Cluster) -> None:
    """The rest is shown, and stdout is data alone."""
    done = edgectl("usage", "/none", "/", "-n", cluster.first)
    assert done.code == 9
    assert f"{cluster.first}: /none: " in done.err
    assert "none" not in done.out
    assert done.rows()[1:]


def test_a_node_of_the_lab_has_its_name(cluster: Cluster) -> None:
    """Also where the client configuration does not list it."""
    name = cluster.nodes[0].name
    done = edgectl("version", "-n", name)
    assert done.code == 0, done.err
    assert name in done.out


def test_every_figure_of_memory(cluster: Cluster) -> None:
    """With -v everything that the kernel says."""
    done = edgectl("memory", "-v", "-n", cluster.first)
    assert [cluster.first, "memtotal"] in [row[:2] for row in done.rows()]


def test_sockets(cluster: Cluster) -> None:
    """The API's own socket listens; with -p its program is shown, and a connection is ours."""
    done = edgectl("netstat", "-l", "-t", "-p", "-n", cluster.first)
    assert done.code == 0, done.err
    assert any(f"{cluster.first}:50000" in row and "LISTEN" in row for row in done.rows())
    done = edgectl("ss", "-n", cluster.first, "--output", "json")
    assert "ESTABLISHED" in {row["state"] for row in json.loads(done.out)}


def test_a_file_is_printed_byte_for_byte(cluster: Cluster) -> None:
    """The boot identity, as clients read it; one node at a time; what is missing is said."""
    path = "/proc/sys/kernel/random/boot_id"
    done = _process("read", path, "-n", cluster.first)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.strip()) == 36
    assert edgectl("cat", path).code == 2
    assert _process("read", "/none", "-n", cluster.first).returncode == 9


def test_a_folder_is_copied(cluster: Cluster, tmp_path: Path) -> None:
    """Into a folder, or as an archive to stdout; a copy that fails leaves nothing."""
    done = edgectl("cp", "/", str(tmp_path / "out"), "-n", cluster.first)
    assert done.code == 0, done.err
    assert "edge: machined started" in (tmp_path / "out/console.log").read_text()
    printed = _process("copy", "/console.log", "-", "-n", cluster.first).stdout
    with tarfile.open(fileobj=io.BytesIO(printed)) as archive:
        assert [Path(each.name).name for each in archive if each.isfile()] == ["console.log"]
    assert edgectl("copy", "/none", str(tmp_path / "none"), "-n", cluster.first).code == 9
    assert [each.name for each in tmp_path.iterdir()] == ["out"]


def test_a_copy_that_is_not_whole_says_so(cluster: Cluster, tmp_path: Path) -> None:
    """What the node could not read is named at the end, and what it could is there."""
    folder = cluster.nodes[0].folder / "deep"
    deepest = folder.joinpath(*["d"] * 260)
    deepest.mkdir(parents=True)
    (folder / "file").write_text("content")
    try:
        done = edgectl("copy", "/deep", str(tmp_path / "out"), "-n", cluster.first)
        printed = _process("copy", "/deep", "-", "-n", cluster.first)
    finally:
        shutil.rmtree(folder)
    for code, err in ((done.code, done.err), (printed.returncode, printed.stderr.decode())):
        assert code == 9
        assert "the copy is not whole: /deep/d/d/" in err
        assert "more than 256 folders deep" in err
    assert (tmp_path / "out/file").read_text() == "content"
    with tarfile.open(fileobj=io.BytesIO(printed.stdout)) as archive:
        assert "file" in archive.getnames()


def test_meta_is_written_and_deleted(cluster: Cluster) -> None:
    """A value appears as a resource, and goes; keys that do not exist are refused."""
    node = ("-n", cluster.first)
    assert edgectl("meta", "write", "0x20", "hello", *node).code == 0
    assert "hello" in edgectl("get", "meta", "0x20", *node).out
    assert edgectl("meta", "delete", "32", *node).code == 0
    assert edgectl("meta", "delete", "32", *node).code == 9
    assert edgectl("meta", "write", "300", "x", *node).code == 2


def test_services_are_acted_on(cluster: Cluster) -> None:
    """What can be restarted says so on every node; what cannot is refused."""
    done = edgectl(
        "service", "mdns", "restart", "-n", ",".join(each.address for each in cluster.nodes)
    )
    assert done.code == 0, done.err
    assert len(done.out.splitlines()) == 2
    assert edgectl("service", "apid", "stop", "-n", cluster.first).code != 0
    assert "EVENTS" in edgectl("service", "mdns", "status", "-n", cluster.first).out


def test_the_clock_of_a_server_that_is_not_there(cluster: Cluster) -> None:
    """A time server that does not answer is named."""
    done = edgectl("time", "--check", "127.42.255.3", "-n", cluster.first)
    assert done.code == 9
    assert "127.42.255.3" in done.err


def test_events_since(cluster: Cluster) -> None:
    """The past begins after an event, at a time, or is that of one actor."""
    node = ("-n", cluster.first, "-o", "jsonl")
    with following("events", "--tail=-1", *node) as events:
        first = json.loads(events.wait_for(bool))["id"]
        second = json.loads(events.wait_for(bool))["id"]
    with following("events", "--since", first, *node) as events:
        assert json.loads(events.wait_for(bool))["id"] == second
    with following("events", "--duration", "10m", *node) as events:
        assert json.loads(events.wait_for(bool))["node"] == cluster.first


def test_health_from_the_node_and_from_here(cluster: Cluster) -> None:
    """Both ways pass; a worker does not check others; what is wrong ends with code 9."""
    first, second = (node.address for node in cluster.nodes)
    done = edgectl("health", "-n", first, "--wait-timeout", "30s")
    assert done.code == 0, done.err
    assert "waiting for all services to be healthy: OK" in done.err
    done = edgectl("health", "-n", first, f"--worker-nodes={second}", f"--init-node={first}")
    assert f"discovered nodes: [{first} {second}]" in done.err
    done = edgectl("health", "--server=false", "--wait-timeout", "30s")
    assert done.code == 0, done.err
    assert "only control-plane nodes" in edgectl("health", "-n", second).err
    for line in (f"-n {first} --worker-nodes {DEAD}", f"-n {first},{DEAD}"):
        done = edgectl("health", *line.split(), "--wait-timeout", "1s")
        assert done.code == 9
        assert f"{DEAD}: cannot be reached: connection refused" in done.err


def test_bundle_for_support(cluster: Cluster, tmp_path: Path) -> None:
    """Living nodes tell all, dead ones are noted, and no secret of the cluster is inside."""
    file = tmp_path / "b.zip"
    nodes = f"{cluster.first},{DEAD}"
    done = edgectl("support", "-O", str(file), "-n", nodes, "-v")
    assert done.code == 0, done.err
    assert f"missing: {DEAD}" in done.err
    with zipfile.ZipFile(file) as archive:
        names = archive.namelist()
        told = b"".join(archive.read(name) for name in names)
    assert f"{cluster.first}/service-logs/machined.log" in names
    assert f"{cluster.first}/resources/machinestatuses.runtime.talos.dev.yaml" in names
    config = Path(cluster.controlplane).read_text()
    tokens = [line.split(": ")[1] for line in config.splitlines() if "token: " in line]
    keys = [line.split(": ")[1] for line in config.splitlines() if " key: " in line]
    assert tokens
    assert keys
    assert not [each for each in tokens + keys if each.strip('"').encode() in told]
    assert edgectl("support", "-O", str(file), "-n", cluster.first).code == 1
    assert edgectl("support", "-O", str(tmp_path / "d.zip"), "-n", DEAD).code == 9


def test_packets_are_saved(cluster: Cluster, tmp_path: Path) -> None:
    """The header comes at once, whether packets follow or not."""
    line = f"pcap -i lo --duration 1s -o {tmp_path / 'p'} -n {cluster.first}"
    drop_all = "{ 0x6, 0, 0, 0x00000000 },"
    done = edgectl(*line.split(), "--bpf-filter", drop_all)
    assert done.code == 0, done.err
    assert len((tmp_path / "p").read_bytes()) == 24
    assert edgectl("pcap", "-i", "none0", "-n", cluster.first).code == 9


def test_a_capture_does_not_feed_itself(cluster: Cluster, tmp_path: Path) -> None:
    """The connection that carries it is left out, so that little passes a quiet node."""
    line = f"pcap -i lo --duration 2s -o {tmp_path / 'p'} -n {cluster.first}"
    done = edgectl(*line.split())
    assert done.code == 0, done.err
    content = (tmp_path / "p").read_bytes()
    assert len(content) < 100_000
    assert content.count(PORT.to_bytes(2)) < 20
    assert (tmp_path / "p").stat().st_mode & 0o777 == 0o600


def test_disks_that_are_not_there_are_not_wiped(cluster: Cluster) -> None:
    """The node knows its disks, and keeps the one that it runs from."""
    done = edgectl("wipe", "disk", "sda", "-y", "-n", cluster.first)
    assert done.code == 9
    assert "no disk sda" in done.err


def _process(*args: str) -> "subprocess.CompletedProcess[bytes]":
    line = [sys.executable, "-m", "edge", *args]
    return subprocess.run(line, cwd=ROOT, capture_output=True, check=False)
