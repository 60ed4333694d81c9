# SPDX-License-Identifier: Apache-2.0
"""`edgectl gen`, as it is typed."""

from pathlib import Path

import pytest

from edge.cli.exit import ExitCode
from edge.cli.main import run
from edge.config.load import load
from edge.config.talosconfig import load_talosconfig
from edge.config.validate import validate
from edge.pki.secrets import load_secrets

ENDPOINT = "https://10.0.0.10:6443"


def test_secrets_then_config(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Secrets made first are the ones in the configurations; what to type next is said."""
    secrets, out = tmp_path / "secrets.yaml", tmp_path / "out"
    assert run(["gen", "secrets", "-o", str(secrets)]) == ExitCode.OK
    args = ["gen", "config", "demo", ENDPOINT, "-o", str(out), "--with-secrets", str(secrets)]
    assert run(args) == ExitCode.OK
    bundle = load_secrets(secrets.read_text())
    assert load_talosconfig(out / "talosconfig").context("demo").ca == bundle.os.certificate
    for name in ("controlplane.yaml", "worker.yaml"):
        validate(load((out / name).read_text()))
        assert (out / name).stat().st_mode & 0o777 == 0o600
    output = capsys.readouterr()
    assert output.out == ""
    assert f"edgectl apply-config --insecure -n ADDRESS -f {out}/controlplane.yaml" in output.err


def test_refuses_to_overwrite(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is written over, or beside, what exists; --force does."""
    (tmp_path / "worker.yaml").write_text("mine")
    args = ["gen", "config", "demo", ENDPOINT, "-o", str(tmp_path)]
    assert run(args) == ExitCode.CONFIG
    assert "worker.yaml already exists" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["worker.yaml"]
    assert run([*args, "--force"]) == ExitCode.OK
    assert len(list(tmp_path.iterdir())) == 3


def test_patches(tmp_path: Path) -> None:
    """Patches go to every machine or to the sort they are for."""
    patch = tmp_path / "patch.yaml"
    patch.write_text("machine: {sysctls: {a.b: 1}}\n")
    args = ["gen", "config", "demo", ENDPOINT, "-o", str(tmp_path / "out"), "-p", f"@{patch}"]
    args += ["--config-patch-control-plane", '{"machine": {"certSANs": ["cp.example"]}}']
    args += ["--config-patch-worker", '{"machine": {"certSANs": ["w.example"]}}']
    assert run(args) == ExitCode.OK
    texts = [(tmp_path / f"out/{name}.yaml").read_text() for name in ("controlplane", "worker")]
    assert all("a.b: 1\n" in text for text in texts)
    assert ["cp.example" in text for text in texts] == [True, False]
    assert ["w.example" in text for text in texts] == [False, True]


def test_broken_patch(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A patch with an unknown key is refused by name and nothing is written."""
    out = tmp_path / "out"
    args = ["gen", "config", "demo", ENDPOINT, "-o", str(out), "-p", "machine: {certSAN: [a]}"]
    assert run(args) == ExitCode.CONFIG
    assert 'machine.certSAN: unknown key; did you mean "certSANs"?' in capsys.readouterr().err
    assert not out.exists()


def test_patch_that_breaks_a_rule(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A patch whose result no machine could use is refused."""
    args = ["gen", "config", "demo", ENDPOINT, "-o", str(tmp_path / "out")]
    assert run([*args, "-p", "machine: {network: {hostname: n1}}"]) == ExitCode.CONFIG
    assert "conflicts with machine.network.hostname" in capsys.readouterr().err


def test_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    """A single type can go to stdout, and several cannot."""
    assert run(["gen", "config", "demo", ENDPOINT, "-t", "worker", "-o", "-"]) == ExitCode.OK
    assert "type: worker" in capsys.readouterr().out
    assert run(["gen", "config", "demo", ENDPOINT, "-o", "-"]) == ExitCode.USAGE
    assert run(["gen", "secrets", "-o", "-"]) == ExitCode.OK
    assert load_secrets(capsys.readouterr().out).trustd_token


def test_single_file(tmp_path: Path) -> None:
    """A single type goes to the file that is named."""
    path = tmp_path / "talosconfig"
    args = ["gen", "config", "demo", ENDPOINT, "-t", "talosconfig", "-o", str(path)]
    assert run(args) == ExitCode.OK
    assert load_talosconfig(path).current == "demo"


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (["gen", "config", "demo", "10.0.0.10"], ExitCode.USAGE),
        (["gen", "config", "demo", ENDPOINT, "-t", "nonsense"], ExitCode.USAGE),
        (["gen", "config", "demo", ENDPOINT, "-t", ","], ExitCode.USAGE),
        (["gen", "config", "demo", ENDPOINT, "--with-secrets", "nowhere.yaml"], ExitCode.USAGE),
        (["gen", "config", "demo"], ExitCode.USAGE),
        (["gen", "config", "demo", ENDPOINT, "--no-persist"], ExitCode.USAGE),
    ],
)
def test_bad_arguments(
    args: list[str], code: ExitCode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot work ends with its exit code and leaves no file."""
    monkeypatch.chdir(tmp_path)
    assert run(args) == code
    assert list(tmp_path.iterdir()) == []
