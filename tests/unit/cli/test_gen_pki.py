# SPDX-License-Identifier: Apache-2.0
"""`edgectl gen ca|key|csr|crt|keypair|secrets`: files, labels, and what is not overwritten."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest

from edge.cli.exit import ExitCode
from edge.cli.main import run
from edge.pki.certificate import inspect, is_issued_by, new_ca
from edge.pki.key import dump_key, key_algorithm, load_key, spki_digest
from edge.pki.role import Role, client_roles
from edge.pki.secrets import dump_secrets, load_secrets

GOLDEN = Path(__file__).parents[2] / "golden/config/secrets.yaml"
ENDPOINT = "https://10.0.0.10:6443"


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def _gen(*args: str) -> int:
    return int(run(["gen", *args]))


def _first_line(path: str) -> str:
    return Path(path).read_text().splitlines()[0]


def test_a_client_certificate_step_by_step() -> None:
    """Authority, key, request and certificate fit together, and grant what was asked for."""
    assert _gen("ca", "--organization", "talos") == 0
    assert _gen("key", "--name", "me") == 0
    assert (
        _gen("csr", "--key", "me.key", "--ip", "10.0.0.9", "--roles", "os:reader,os:operator") == 0
    )
    assert _gen("crt", "--name", "me", "--ca", "talos", "--csr", "me.csr", "--hours", "5") == 0
    certificate = Path("me.crt").read_bytes()
    facts = inspect(certificate)
    assert is_issued_by(certificate, Path("talos.crt").read_bytes())
    assert client_roles(facts) == {Role.READER, Role.OPERATOR}
    assert facts.addresses == (ip_address("10.0.0.9"),)
    assert facts.spki_digest == spki_digest(Path("me.key").read_bytes())
    left = facts.not_after - datetime.now(UTC)
    assert timedelta(hours=4) < left < timedelta(hours=6)
    digest = inspect(Path("talos.crt").read_bytes()).spki_digest.hex()
    assert Path("talos.sha256").read_text() == f"sha256:{digest}"
    assert {path.stat().st_mode & 0o777 for path in Path().iterdir()} == {0o600}


def test_labels_are_upstreams() -> None:
    """Other programs read the keys by them."""
    assert _gen("ca", "--organization", "one") == 0
    assert _gen("keypair", "--organization", "two", "--ip", "10.0.0.1") == 0
    assert _first_line("one.key") == "-----BEGIN ED25519 PRIVATE KEY-----"
    assert _first_line("two.key") == "-----BEGIN EC PRIVATE KEY-----"
    assert inspect(Path("two.crt").read_bytes()).addresses == (ip_address("10.0.0.1"),)
    for algorithm, label in (("p256", "EC"), ("ed25519", "ED25519"), ("rsa", "RSA")):
        assert _gen("key", "--name", algorithm, "--algorithm", algorithm) == 0
        assert _first_line(f"{algorithm}.key") == f"-----BEGIN {label} PRIVATE KEY-----"
        assert key_algorithm(Path(f"{algorithm}.key").read_bytes()) == algorithm


def test_an_authority_may_be_rsa() -> None:
    """And says so by its label."""
    assert _gen("ca", "--organization", "old", "--rsa", "--hours", "24") == 0
    assert _first_line("old.key") == "-----BEGIN RSA PRIVATE KEY-----"
    assert inspect(Path("old.crt").read_bytes()).is_ca


@pytest.mark.parametrize("label", ["ED25519 PRIVATE KEY", "PRIVATE KEY"])
def test_keys_of_others_are_read(label: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Under upstream's label and the usual one; that nodes cannot verify them is said."""
    assert _gen("key", "--name", "theirs", "--algorithm", "ed25519") == 0
    pem = Path("theirs.key").read_text().replace("ED25519 PRIVATE KEY", label)
    Path("theirs.key").write_text(pem)
    assert _gen("csr", "--key", "theirs.key") == 0
    assert "cannot verify a client" in capsys.readouterr().err
    assert _gen("ca", "--organization", "talos") == 0
    Path("talos.key").write_text(
        Path("talos.key").read_text().replace("ED25519 PRIVATE KEY", label)
    )
    assert _gen("crt", "--name", "theirs", "--ca", "talos.crt", "--csr", "theirs.csr") == 0
    assert inspect(Path("theirs.crt").read_bytes()).organizations == ("os:admin",)


@pytest.mark.parametrize(
    "args",
    [
        ("ca", "--organization", "it"),
        ("keypair", "--organization", "it"),
        ("key", "--name", "it"),
        ("csr", "--key", "it.key"),
        ("secrets", "-o", "it.key"),
    ],
)
def test_nothing_is_overwritten_unasked(
    args: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """With --force the old file stays beside the new one."""
    assert _gen("key", "--name", "it") == 0
    Path("it.csr").write_text("mine")
    before = {path: path.read_bytes() for path in Path().iterdir()}
    assert _gen(*args) == ExitCode.CONFIG
    assert "already exist" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in Path().iterdir()} == before
    assert _gen(*args, "--force") == 0
    backups = {path.name: path.read_bytes() for path in Path().glob("*.bak")}
    assert backups
    assert all(text == before[Path(name.removesuffix(".bak"))] for name, text in backups.items())
    assert {path.stat().st_mode & 0o777 for path in Path().glob("*.bak")} == {0o600}


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("csr", "--key", "none.key"), "reading none.key"),
        (("csr", "--key", "one.key", "--roles", "os:emperor"), "choose from os:admin"),
        (("csr", "--key", "one.key", "--ip", "here"), "is no address"),
        (("csr", "--key", "one.crt"), "not a private key"),
        (("crt", "--name", "x", "--ca", "mixed", "--csr", "one.csr"), "does not belong"),
        (("crt", "--name", "x", "--ca", "one", "--csr", "one.key"), "certificate request"),
    ],
)
def test_faults_are_named(
    args: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """And nothing is written; no key is quoted."""
    assert _gen("ca", "--organization", "one") == 0
    assert _gen("ca", "--organization", "two") == 0
    assert _gen("csr", "--key", "one.key") == 0
    Path("mixed.crt").write_bytes(Path("one.crt").read_bytes())
    Path("mixed.key").write_bytes(Path("two.key").read_bytes())
    before = set(Path().iterdir())
    capsys.readouterr()
    assert _gen(*args) != 0
    err = capsys.readouterr().err
    assert said in err
    assert Path("one.key").read_text().splitlines()[1] not in err
    assert set(Path().iterdir()) == before


def test_secrets_come_back_from_a_configuration() -> None:
    """The file is the one that the configuration was made with."""
    args = ("config", "demo", ENDPOINT, "--with-secrets", str(GOLDEN), "-o", "out")
    assert _gen(*args) == 0
    assert _gen("secrets", "--from-controlplane-config", "out/controlplane.yaml") == 0
    assert load_secrets(Path("secrets.yaml").read_text()) == load_secrets(GOLDEN.read_text())


def test_given_secrets_are_not_made_older(capsys: pytest.CaptureFixture[str]) -> None:
    """They are what the cluster has; whoever names a version is told."""
    more = ("--with-secrets", str(GOLDEN), "--talos-version", "v1.2", "-o", "out")
    assert _gen("config", "demo", ENDPOINT, *more) == 0
    assert "is taken as it is, whatever --talos-version says" in capsys.readouterr().err


def test_a_workers_configuration_has_no_secrets(capsys: pytest.CaptureFixture[str]) -> None:
    """It knows certificates, and no keys."""
    assert _gen("config", "demo", ENDPOINT, "--with-secrets", str(GOLDEN), "-o", "out") == 0
    assert _gen("secrets", "--from-controlplane-config", "out/worker.yaml") == ExitCode.CONFIG
    assert "only a control plane has the keys" in capsys.readouterr().err
    assert not Path("secrets.yaml").exists()


def test_secrets_take_over_a_kubernetes_pki(capsys: pytest.CaptureFixture[str]) -> None:
    """Its authorities and its token; every missing file is named."""
    assert _gen("secrets", "-p", "pki") == ExitCode.CONFIG
    err = capsys.readouterr().err
    assert all(name in err for name in ("pki/ca.crt", "pki/etcd/ca.key", "pki/sa.key"))
    now = datetime.now(UTC)
    Path("pki/etcd").mkdir(parents=True)
    made = {name: new_ca(name, now=now, algorithm="p256") for name in ("a", "b", "c")}
    for stem, pair in zip(("ca", "etcd/ca", "front-proxy-ca"), made.values(), strict=True):
        Path(f"pki/{stem}.crt").write_bytes(pair.certificate)
        Path(f"pki/{stem}.key").write_bytes(pair.key)
    Path("pki/sa.key").write_bytes(made["a"].key)
    assert _gen("secrets", "-p", "pki", "-t", "abcdef.0123456789abcdef") == 0
    found = load_secrets(Path("secrets.yaml").read_text())
    assert [found.k8s, found.etcd, found.aggregator] == list(made.values())
    assert (found.service_account_key, found.bootstrap_token) == (
        made["a"].key,
        "abcdef.0123456789abcdef",
    )
    Path("pki/ca.key").write_bytes(made["b"].key)
    assert _gen("secrets", "-p", "pki", "-f") == ExitCode.CONFIG
    assert "does not belong" in capsys.readouterr().err


def test_older_versions_have_older_secrets() -> None:
    """Which such a version would not read otherwise."""
    for version, box, aes, algorithm in (
        ("v1.2", False, True, "p256"),
        ("1.6", True, False, "p256"),
        ("v1.13.2", True, False, "rsa"),
    ):
        assert _gen("secrets", "--talos-version", version, "-f") == 0
        found = load_secrets(Path("secrets.yaml").read_text())
        assert (bool(found.secretbox_secret), bool(found.aescbc_secret)) == (box, aes)
        assert key_algorithm(found.service_account_key) == algorithm
    assert _gen("secrets", "--talos-version", "new", "-f") == ExitCode.USAGE


def test_every_label_of_upstreams_is_read_back() -> None:
    """A secrets file whose keys stand under either label makes the same configurations."""
    text = GOLDEN.read_text()
    bundle = load_secrets(text)
    assert load_secrets(dump_secrets(bundle)) == bundle
    assert dump_key(load_key(bundle.os.key)) == bundle.os.key
    assert bundle.os.key.startswith(b"-----BEGIN ED25519 PRIVATE KEY-----")
    assert _gen("config", "demo", ENDPOINT, "--with-secrets", str(GOLDEN), "-t", "worker") == 0


def test_options_are_patches() -> None:
    """What upstream's options switch on is in every machine's configuration."""
    args = ("config", "demo", ENDPOINT, "--install-image", "example.org/installer:v1", "-o", "out")
    more = ("--registry-mirror", "example.org=https://10.0.0.2:5000", "--with-kubespan")
    assert _gen(*args, *more, "--persist", "--with-docs=false", "--with-examples=false") == 0
    for name in ("controlplane", "worker"):
        text = Path(f"out/{name}.yaml").read_text()
        assert "example.org/installer:v1" in text
        assert "https://10.0.0.2:5000" in text
        assert "kubespan:" in text
