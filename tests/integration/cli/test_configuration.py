# SPDX-License-Identifier: Apache-2.0
"""Changing the configuration of nodes: apply-config, patch, edit, and the files beforehand."""

import json
import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from edge.config.stream import parse_stream
from tests.integration.cli.conftest import Cluster, edgectl, until

STATUS = ("get", "machinestatus", "-o", "json")
DEPENDENT = (
    *("mc", "machinestatus", "services", "hostname", "nodename", "addresses", "resolvers"),
    *("timeservers", "certsans", "info", "machinetype"),
)
LABEL = "machine: {nodeLabels: {%s: here}}"


def config_of(node: str, resource_id: str = "v1alpha1") -> str:
    """Return the configuration of a node as it was sent."""
    done = edgectl("get", "mc", resource_id, "-n", node, "-o", "json")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    document = found[0] if isinstance(found, list) else found
    spec: str = document["spec"]
    return spec


def version_of(node: str) -> int:
    """Return how often the configuration of a node has changed."""
    found = json.loads(edgectl("get", "mc", "v1alpha1", "-n", node, "-o", "json").out)
    document = found[0] if isinstance(found, list) else found
    return int(document["metadata"]["version"])


def versions_of(node: str) -> dict[str, tuple[int, str]]:
    """Return version and time of change of every resource that depends on the configuration."""
    found = {}
    for kind in DEPENDENT:
        done = edgectl("get", kind, "-n", node, "-o", "yaml")
        assert done.code == 0, done.err
        for each in yaml.safe_load_all(done.out):
            about = each["metadata"]
            found[f"{about['type']}/{about['id']}"] = (about["version"], about["updated"])
    return found


def editing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *rounds: str) -> None:
    """Have an editor that runs one Python statement a round, `text` being the whole file."""
    script = tmp_path / "editor.py"
    script.write_text(
        "import sys\nfrom pathlib import Path\n"
        f"rounds, count = {rounds!r}, Path({str(tmp_path / 'count')!r})\n"
        "at = int(count.read_text()) if count.exists() else 0\n"
        "count.write_text(str(at + 1))\n"
        "path = Path(sys.argv[1])\ntext = path.read_text()\n"
        f"Path({str(tmp_path)!r}, f'seen-{{at}}').write_text(text)\n"
        "exec(rounds[at])\npath.write_text(text)\n"
    )
    monkeypatch.setenv("EDITOR", f"{sys.executable} {script}")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)


@pytest.fixture
def editor_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    for name in ("TALOS_EDITOR", "KUBE_EDITOR", "VISUAL"):
        monkeypatch.delenv(name, raising=False)
    yield tmp_path
    monkeypatch.setattr("tempfile.tempdir", None)


def drafts(folder: Path) -> list[Path]:
    return sorted(folder.glob("edgectl-edit-*/*"))


def test_patch_changes_what_it_says_on_every_node(cluster: Cluster) -> None:
    """Each node's own configuration is patched; what the patch leaves out stays."""
    nodes = ",".join(node.address for node in cluster.nodes)
    before = config_of(cluster.first)
    done = edgectl("patch", "mc", "-n", nodes, "-p", LABEL % "patched")
    assert done.code == 0, done.err
    assert done.err.count("Applied configuration without a reboot") == 2
    for node, kind in zip(cluster.nodes, ("controlplane", "worker"), strict=True):
        assert "patched: here" in config_of(node.address)
        assert f"type: {kind}" in config_of(node.address)
    # Layout and comments are the patcher's; what is said is the node's.
    (was, *_), (now, *_) = (
        parse_stream(text, source="x") for text in (before, config_of(cluster.first))
    )
    now.value["machine"]["nodeLabels"].pop("patched")
    assert now.value == was.value


def test_patch_that_changes_nothing_sends_nothing(cluster: Cluster) -> None:
    """The resource keeps its version."""
    patch = ("patch", "machineconfig", "-n", cluster.first, "-p", LABEL % "same")
    assert edgectl(*patch).code == 0
    version = version_of(cluster.first)
    done = edgectl(*patch)
    assert f"{cluster.first}: nothing to change" in done.err
    assert version_of(cluster.first) == version


def test_patch_files_and_dry_run(cluster: Cluster, tmp_path: Path) -> None:
    """Files with several documents; a difference that shows no secret; nothing changes."""
    file = tmp_path / "patch.yaml"
    file.write_text(
        "machine: {token: other.secret}\n---\n"
        "apiVersion: v1alpha1\nkind: LinkConfig\nname: eth7\nmtu: 1400\n"
    )
    version = version_of(cluster.first)
    for given in (("-p", f"@{file}"), ("--patch-file", str(file))):
        done = edgectl("patch", "mc", "-n", cluster.first, *given, "--dry-run")
        assert done.code == 0, done.err
        assert '+++ b/LinkConfig "eth7"' in done.out
        assert "+    token: secret-" in done.out
        assert "other.secret" not in done.out
    assert version_of(cluster.first) == version


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("patch", "mc", "-p", "debug: true"), 2, "no node is named"),
        (("patch", "mc", "-n", "NODE"), 2, "say what to change"),
        (("patch", "links", "-n", "NODE", "-p", "a: 1"), 2, "only machineconfig"),
        (("patch", "mc", "-n", "NODE", "-p", "machine: {typ: x}"), 3, 'did you mean "type"?'),
        (("patch", "mc", "-n", "NODE", "-p", "machine: {type: x}"), 3, "controlplane or worker"),
        (
            ("patch", "mc", "-n", "NODE", "-p", "[{op: remove, path: /debug}]"),
            3,
            "JSON patches work on configurations of one document",
        ),
        (("edit", "links", "-n", "NODE"), 2, "only machineconfig"),
        (("apply-config", "-n", "NODE"), 2, "name one configuration"),
    ],
)
def test_what_is_refused(
    cluster: Cluster, arguments: tuple[str, ...], code: int, said: str
) -> None:
    """Before anything is sent, with what to do instead."""
    version = version_of(cluster.first)
    done = edgectl(*(cluster.first if word == "NODE" else word for word in arguments))
    assert (done.code, said in done.err) == (code, True), done.err
    assert version_of(cluster.first) == version


def test_apply_config_with_patches_alone(cluster: Cluster) -> None:
    """A node's own configuration is what is patched then."""
    done = edgectl("apply-config", "--nodes", cluster.first, "--config-patch", LABEL % "alone")
    assert done.code == 0, done.err
    assert "alone: here" in config_of(cluster.first)


def test_applying_twice_changes_nothing(cluster: Cluster) -> None:
    """No resource has another version, no service was restarted."""
    apply = ("apply-config", "-n", cluster.first, "-f", cluster.controlplane)
    assert edgectl(*apply).code == 0
    until(lambda: '"ready": true' in edgectl(*STATUS, "-n", cluster.first).out)
    before = versions_of(cluster.first)
    assert len(before) > 10
    assert edgectl(*apply).code == 0
    assert versions_of(cluster.first) == before


def test_staged_is_told_about(cluster: Cluster) -> None:
    """What is staged waits, and whoever patches over it is told."""
    node = cluster.first
    done = edgectl("patch", "mc", "-n", node, "-p", LABEL % "staged", "--mode", "staged")
    assert "Staged configuration to be applied after the next reboot" in done.err
    assert "staged: here" not in config_of(node)
    assert "staged: here" in config_of(node, "persistent")
    done = edgectl("patch", "mc", "-n", node, "-p", LABEL % "over")
    assert "keeps another configuration than the one it runs" in done.err
    assert config_of(node) == config_of(node, "persistent")


def test_try_goes_back_by_itself(cluster: Cluster) -> None:
    """Although the client is long gone."""
    node = cluster.first
    done = edgectl(
        *("patch", "mc", "-n", node, "-p", LABEL % "tried"), "--mode", "try", "--timeout", "1s"
    )
    assert "going back in 1 s" in done.err
    assert "tried: here" in config_of(node)
    until(lambda: "tried: here" not in config_of(node))


def test_power_cut_in_a_trial(cluster: Cluster) -> None:
    """The node comes back with what it kept."""
    worker = cluster.nodes[1]
    done = edgectl(
        *("patch", "mc", "-n", worker.address, "-p", LABEL % "tried"),
        *("--mode", "try", "--timeout", "5m"),
    )
    assert done.code == 0, done.err
    assert "tried: here" in config_of(worker.address)
    cluster.lab.cut_power(worker.name)
    cluster.lab.start(worker.name)
    assert "tried: here" not in config_of(worker.address)
    assert config_of(worker.address) == config_of(worker.address, "persistent")


def test_edit(cluster: Cluster, monkeypatch: pytest.MonkeyPatch, editor_home: Path) -> None:
    """It opens again with what is wrong, by line; comments of the user's survive; the file goes."""
    worse = "text = text.replace('type: controlplane', 'typ: controlplane  # mine')"
    better = "text = text.replace('typ: ', 'type: ')"
    editing(monkeypatch, editor_home, worse, better)
    done = edgectl("edit", "mc", "-n", cluster.first)
    assert done.code == 0, done.err
    assert "type: controlplane  # mine" in config_of(cluster.first)
    assert "# edgectl:" not in config_of(cluster.first)
    first, second = ((editor_home / f"seen-{at}").read_text() for at in (0, 1))
    assert "yaml-language-server: $schema=file:///" in first.splitlines()[0]
    (fault,) = (line for line in second.splitlines() if 'did you mean "type"?' in line)
    line = int(fault.split(".yaml:")[1].split(":")[0])
    assert "typ: controlplane" in second.splitlines()[line - 1]
    assert not drafts(editor_home)


@pytest.mark.parametrize("change", ["pass", "text = ''", "text = text + '\\n\\n'"])
def test_edit_of_nothing(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, editor_home: Path, change: str
) -> None:
    """What is saved as it was, or empty, sends nothing."""
    version = version_of(cluster.first)
    editing(monkeypatch, editor_home, change)
    done = edgectl("edit", "machineconfig", "-n", cluster.first)
    assert done.code == 0, done.err
    assert "nothing to change" in done.err
    assert version_of(cluster.first) == version
    assert not drafts(editor_home)


@pytest.mark.parametrize(
    ("rounds", "said"),
    [
        (("path.write_text('# mine\\n' + text); sys.exit(3)",), "ended with 3; nothing was sent"),
        (
            ("text = '# mine\\n' + text + 'x: 1\\n'", "pass"),
            "as wrong as before; it was not sent\n  machineconfig",
        ),
    ],
)
def test_edit_loses_nothing(
    cluster: Cluster,
    monkeypatch: pytest.MonkeyPatch,
    editor_home: Path,
    rounds: tuple[str, ...],
    said: str,
) -> None:
    """The file of an editor that crashed, or of a user who gave up, is there and named."""
    version = version_of(cluster.first)
    editing(monkeypatch, editor_home, *rounds)
    done = edgectl("edit", "mc", "-n", cluster.first)
    assert done.code != 0
    assert said in done.err
    (draft,) = drafts(editor_home)
    assert f"what you wrote is in {draft}" in done.err
    assert "# mine\n" in draft.read_text()
    assert stat.S_IMODE(os.stat(draft).st_mode) == 0o600  # noqa: PTH116 - the mode matters
    assert version_of(cluster.first) == version


def test_ctrl_c_is_the_editors(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, editor_home: Path
) -> None:
    """Whoever presses it in an editor does not mean edgectl."""
    editing(
        monkeypatch,
        editor_home,
        "import os, signal; os.kill(os.getppid(), signal.SIGINT);"
        "text = text.replace('type: controlplane', 'type: controlplane  # pressed')",
    )
    done = edgectl("edit", "mc", "-n", cluster.first)
    assert done.code == 0, done.err
    assert "# pressed" in config_of(cluster.first)


def test_edit_without_consequences(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, editor_home: Path
) -> None:
    """A dry run shows the difference and leaves the file for the real one."""
    version = version_of(cluster.first)
    editing(monkeypatch, editor_home, "text = text.replace('debug: false', 'debug: true')")
    done = edgectl("edit", "mc", "-n", cluster.first, "--dry-run")
    assert done.code == 0, done.err
    assert "+debug: true" in done.out
    (draft,) = drafts(editor_home)
    assert f"what you wrote is in {draft}" in done.err
    assert version_of(cluster.first) == version


def test_edit_without_an_editor(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, editor_home: Path
) -> None:
    """It says what to set."""
    editing(monkeypatch, editor_home)
    monkeypatch.setenv("EDITOR", str(editor_home / "missing"))
    done = edgectl("edit", "mc", "-n", cluster.first)
    assert "set EDITOR to one that is installed" in done.err


def test_files(cluster: Cluster, tmp_path: Path) -> None:
    """Configurations are generated, patched and checked without a node."""
    out = tmp_path / "out"
    done = edgectl("machineconfig", "gen", "demo", "https://10.0.0.1:6443", "-o", str(out))
    assert done.code == 0, done.err
    file, patched = out / "worker.yaml", tmp_path / "patched.yaml"
    assert file.read_text().startswith("# yaml-language-server: $schema=file:///")
    patch = ("machineconfig", "patch", str(file), "-p", LABEL % "a", "-p", LABEL % "b")
    assert edgectl(*patch, "-o", str(patched)).code == 0
    shown = edgectl(*patch)
    assert shown.out == patched.read_text()
    assert "a: here" in shown.out
    assert "b: here" in shown.out
    for mode in ("metal", "cloud", "container"):
        assert edgectl("validate", "-c", str(patched), "--mode", mode).code == 0
    assert edgectl("validate", "-c", str(patched), "--mode", "metal", "--strict").code == 3


def test_metal_needs_a_disk(cluster: Cluster, tmp_path: Path) -> None:
    """Where something is to be installed, and only there."""
    file = tmp_path / "worker.yaml"
    delete = "machine: {install: {disk: {$patch: delete}}}"
    assert (
        edgectl("machineconfig", "patch", cluster.worker, "-p", delete, "-o", str(file)).code == 0
    )
    done = edgectl("validate", "-c", str(file), "-m", "metal")
    assert (done.code, "machine.install: needs either disk or diskSelector" in done.err) == (
        3,
        True,
    )
    assert edgectl("validate", "-c", str(file), "-m", "cloud").code == 0
    assert edgectl("validate", str(file)).code == 0


def test_schema_is_shown(home: Path) -> None:
    """As a document or as the name of its file."""
    shown = edgectl("machineconfig", "schema")
    path = Path(edgectl("machineconfig", "schema", "--path").out.strip())
    assert json.loads(shown.out) == json.loads(path.read_text())
