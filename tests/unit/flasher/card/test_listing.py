# SPDX-License-Identifier: Apache-2.0
"""Lists of cards: what they say is what is made, and all that is wrong is said at once."""

import base64
from collections.abc import Callable
from datetime import UTC, datetime
from ipaddress import ip_address, ip_interface
from pathlib import Path

import pytest

from edge.config.generate import Generated, generate
from edge.config.interface import SelectorView
from edge.config.load import load
from edge.config.view import NodeView, view
from edge.errors import ConfigError
from edge.pki.secrets import load_secrets
from flasher.card import CardSpec
from flasher.card.check import file_name_fault
from flasher.card.listing import load_list, make_card

GOLDEN = Path(__file__).parents[3] / "golden"
SECRET = base64.b64encode(bytes(range(32))).decode()
Write = Callable[[str, str], Path]


@pytest.fixture(scope="module")
def generated() -> Generated:
    bundle = load_secrets((GOLDEN / "config/secrets.yaml").read_text())
    return generate("demo", "https://10.0.0.10:6443", bundle, now=datetime(2026, 1, 1, tzinfo=UTC))


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(name: str, text: str) -> Path:
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


def _view(spec: CardSpec) -> NodeView:
    return view(load(spec.configuration))


def _faults(path: Path) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        load_list(path)
    return tuple(fault.removeprefix(f"{path}: ") for fault in caught.value.faults)


def test_csv_gives_one_card_a_row(write: Write) -> None:
    """Empty cells are what the operator does not care about."""
    write("one.txt", "one")
    path = write(
        "cards.csv",
        "name,hostname,interface,address,gateway,nameservers,files,asset_tag,enrolment\n"
        "a,n1.lab,end0,10.0.0.5/24 fd00::5/64,10.0.0.1,10.0.0.1 1.1.1.1,"
        "user-data=one.txt;d/e=one.txt,A-1,\n"
        "\n"
        f",n2,,dhcp,,,,A-2,0123456789abcdef:{SECRET}\n"
        ",,,,,,,,off\n",
    )
    one, two, three = load_list(path)
    assert (one.name, one.hostname, one.asset_tag) == ("a", "n1.lab", "A-1")
    assert one.network is not None
    assert one.network.interface == "end0"
    assert one.network.addresses == (ip_interface("10.0.0.5/24"), ip_interface("fd00::5/64"))
    assert one.network.gateway == ip_address("10.0.0.1")
    assert one.network.nameservers == (ip_address("10.0.0.1"), ip_address("1.1.1.1"))
    assert one.files == {"user-data": b"one", "d/e": b"one"}
    assert two.network is not None
    assert (two.name, two.network.dhcp, two.enrol) == ("n2", True, True)
    assert two.enrolment is not None
    assert (two.enrolment.id, two.enrolment.secret) == ("0123456789abcdef", bytes(range(32)))
    assert three == CardSpec(name="card-3", enrol=False)


def test_spreadsheets_write_other_separators(write: Write) -> None:
    """Semicolons, tabs, a byte order mark and line ends of Windows."""
    path = write("cards.csv", "\ufeffhostname;address\r\nn1;10.0.0.5/24\r\n")
    assert load_list(path)[0].hostname == "n1"
    path = write("cards.tsv", "hostname\taddress\nn1\t10.0.0.5/24\n")
    assert load_list(path)[0].hostname == "n1"


def test_yaml_gives_the_same_with_defaults(write: Write) -> None:
    """What cards share is said once; files and META values add up, others give way."""
    write("one.txt", "one")
    path = write(
        "cards.yaml",
        f"""
defaults:
  gateway: 10.0.0.1
  nameservers: [10.0.0.1]
  files: {{user-data: one.txt}}
  meta: {{0x0c: all}}
cards:
  - hostname: n1
    address: 10.0.0.5/24
    asset_tag: 0017
    files: {{config.txt: one.txt}}
    meta: {{0x0d: mine}}
  - hostname: n2
    addresses: [10.0.0.6/24]
    gateway: 10.0.0.2
    enrolment: {{id: 0123456789abcdef, secret: {SECRET}}}
  - {{hostname: n3, address: 10.0.0.7/24, enrolment: off}}
""",
    )
    one, two, three = load_list(path)
    assert one.files == {"user-data": b"one", "config.txt": b"one"}
    assert (one.asset_tag, one.meta) == ("0017", {12: b"all", 13: b"mine"})
    assert one.network is not None
    assert two.network is not None
    assert (one.network.gateway, two.network.gateway) == (
        ip_address("10.0.0.1"),
        ip_address("10.0.0.2"),
    )
    assert two.enrolment is not None
    assert not three.enrol


def test_list_without_defaults_may_be_a_plain_one(write: Write) -> None:
    """And a command's own defaults are for what nobody says."""
    path = write("cards.yaml", "- {hostname: n1}\n- {hostname: n2, address: 10.0.0.6/24}\n")
    one, two = load_list(path, {"address": "dhcp", "asset_tag": ""})
    assert one.network is not None
    assert two.network is not None
    assert (one.network.dhcp, two.network.dhcp) == (True, False)


def test_every_fault_of_every_row_is_told_at_once(write: Write) -> None:
    """With row and column, before any card is touched."""
    path = write(
        "cards.csv",
        "hostname,interface,address,gateway,nameservers,config,patch,files,asset_tag,enrolment\n"
        "n_1,eth 0,10.0.0.5,10.0.0.1,x,missing.yaml,,a=missing.bin,A-1,maybe\n"
        "n2,,10.0.0.6/24,10.1.0.1,,,p.yaml,../up=x;plain,A-2,\n"
        "n3,,10.0.0.0/24,,,,,a?b=x,,0123:secret\n"
        "n3,,10.0.0.6/24,10.0.0.6,,,,,a-2,\n"
        "n5,,dhcp,10.0.0.1,,,,,,\n",
    )
    folder = path.parent
    assert _faults(path) == (
        "row 2, hostname: 'n_1' is not a host name",
        "row 2, address: '10.0.0.5' has no prefix length, such as 10.0.0.5/24",
        "row 2, nameservers: 'x' is not an address",
        "row 2, interface: 'eth 0' is not the name of a link",
        "row 2, enrolment: must be on, off, or 16 hex digits : base64 of 32 bytes",
        f"row 2, config: reading {folder}/missing.yaml: No such file or directory",
        f"row 2, files: reading {folder}/missing.bin: No such file or directory",
        "row 3, gateway: 10.1.0.1 is not in 10.0.0.0/24",
        "row 3, patch: needs a config to patch",
        "row 3, files: 'plain' is not PATH=LOCAL-FILE",
        "row 3, files: '../up' is not a path within the boot partition",
        "row 4, address: '10.0.0.0/24' is the address of the network itself",
        "row 4, enrolment: must be on, off, or 16 hex digits : base64 of 32 bytes",
        "row 4, files: 'a?b' has '?', which FAT cannot hold",
        "row 5, gateway: 10.0.0.6 is the card's own address",
        "row 6, gateway: needs an address",
        "row 5, name: n3 is that of row 4 already",
        "row 5, hostname: n3 is that of row 4 already",
        "row 5, address: 10.0.0.6 is that of row 3 already",
        "row 5, asset_tag: a-2 is that of row 3 already",
    )


def test_faults_of_form_hide_no_others_in_csv(write: Write) -> None:
    """Nor is what stands under an unknown name said to be missing."""
    path = write(
        "cards.csv",
        "hostname,adress,gateway,config,meta\n"
        "n1,10.0.0.5/24,10.0.0.1,,x\n"
        "n_2,,10.0.0.1,missing.yaml,\n"
        "n3,10.0.0.6/24,10.0.0.1,no.yaml,,x\n"
        "n1,,,,\n"
        'n5,"',
    )
    unknown, other, cells, end, *rest = _faults(path)
    assert unknown.startswith("row 1: there is no column 'adress'")
    assert other.startswith("row 1: there is no column 'meta'")
    assert (cells, end) == (
        "row 4: has 6 cells, the header 5",
        "row 6: unexpected end of data",
    )
    assert rest == [
        "row 3, hostname: 'n_2' is not a host name",
        "row 3, gateway: needs an address",
        f"row 3, config: reading {path.parent}/missing.yaml: No such file or directory",
        "row 5, name: n1 is that of row 2 already",
        "row 5, hostname: n1 is that of row 2 already",
    ]


def test_faults_of_form_hide_no_others_in_yaml(write: Write) -> None:
    """Nor does a card that is none."""
    path = write(
        "cards.yaml",
        "cards:\n- {hostname: n1, confg: x, patch: p}\n- 7\n- {hostname: n1, gateway: 10.0.0.1}\n",
    )
    unknown, none, *rest = _faults(path)
    assert unknown.startswith("card 1: there is no key 'confg'")
    assert none == "card 2: a mapping is expected"
    assert rest == [
        "card 3, gateway: needs an address",
        "card 3, name: n1 is that of card 1 already",
        "card 3, hostname: n1 is that of card 1 already",
    ]


@pytest.mark.parametrize(
    ("name", "text", "fault"),
    [
        ("c.csv", "", "lists no card"),
        ("c.csv", "hostname\n", "lists no card"),
        ("c.csv", "host,hostname,hostname\n,a,a\n", "there is no column 'host'"),
        ("c.csv", "hostname,hostname\na,a\n", "the column 'hostname' is given twice"),
        ("c.csv", "hostname\na,b\n", "has 2 cells, the header 1"),
        ("c.csv", 'hostname\n"a\n', "row 2: unexpected end of data"),
        ("c.yaml", "7", "a list of cards is expected"),
        ("c.yaml", "cards: []\n", "lists no card"),
        ("c.yaml", "cards: [7]\n", "card 1: a mapping is expected"),
        ("c.yaml", "card: []\n", "there is no key 'card' here"),
        ("c.yaml", "- {host: a}\n", "card 1: there is no key 'host'"),
        ("c.yaml", "defaults: {host: a}\ncards: [{}]", "defaults: there is no key 'host'"),
        ("c.yaml", "- {meta: {0xe0: x}}\n", "meta: 0xe0 is not a key to be set"),
        ("c.yaml", "- {meta: x}\n", "meta: a mapping of keys to values is expected"),
        ("c.yaml", "- {files: {a: x, A: y}}\n", "A and a are one and the same on FAT"),
        ("c.yaml", "- {files: {a: x, a/b: y}}\n", "a/b and a are one and the same on FAT"),
        ("c.yaml", "- {hostname: a}\n- {hostname: a", "is not YAML"),
    ],
)
def test_what_is_no_list_is_refused(write: Write, name: str, text: str, fault: str) -> None:
    """In words that say where."""
    path = write(name, text)
    write("x", "")
    write("y", "")
    with pytest.raises(ConfigError) as caught:
        load_list(path)
    assert fault in "\n".join((caught.value.message, *caught.value.faults))


def test_configuration_gets_name_and_network(write: Write, generated: Generated) -> None:
    """Each card its own, with patches; a card that says nothing has it as it is."""
    write("worker.yaml", generated.worker)
    write("patch.yaml", "machine: {sysctls: {net.core.somaxconn: '4096'}}\n")
    path = write(
        "cards.yaml",
        """
defaults: {config: worker.yaml, patches: [patch.yaml], nameservers: [10.0.0.1]}
cards:
  - {hostname: n1.lab, address: 10.0.0.5/24, gateway: 10.0.0.1}
  - {hostname: n2, interface: end0, address: 10.0.0.6/24, gateway: 10.0.0.1}
  - {hostname: n3, interface: end0, address: dhcp}
""",
    )
    one, two, three = (_view(spec) for spec in load_list(path))
    assert (one.hostname, two.hostname) == ("n1.lab", "n2")
    assert one.sysctls == {"net.core.somaxconn": "4096"}
    assert [str(each) for each in one.nameservers] == ["10.0.0.1"]
    (first,) = one.interfaces
    assert (first.selector, first.dhcp) == (SelectorView(physical=True), False)
    assert first.addresses == (ip_interface("10.0.0.5/24"),)
    assert (first.routes[0].destination, first.routes[0].gateway) == (None, ip_address("10.0.0.1"))
    (end0,) = two.interfaces
    assert (end0.name, end0.addresses, end0.dhcp) == ("end0", (ip_interface("10.0.0.6/24"),), False)
    assert end0.routes[0].gateway == ip_address("10.0.0.1")
    assert (three.interfaces[0].name, three.interfaces[0].dhcp) == ("end0", True)


def test_name_and_network_replace_what_was_there(write: Write, generated: Generated) -> None:
    """In the place where it was said, since a configuration may not say it twice."""
    patch = """
machine:
  network:
    hostname: old
    nameservers: [9.9.9.9]
    interfaces: [{interface: eth0, addresses: [10.9.9.9/24], dhcp: true, mtu: 1400}]
---
apiVersion: v1alpha1
kind: HostnameConfig
$patch: delete
"""
    write("worker.yaml", generated.worker)
    write("patch.yaml", patch)
    values = {
        "config": "worker.yaml",
        "patch": "patch.yaml",
        "hostname": "n1",
        "interface": "eth0",
        "address": "10.0.0.5/24",
        "gateway": "10.0.0.1",
        "nameservers": ["10.0.0.1"],
    }
    found = _view(make_card(values, folder=write("x", "").parent))
    assert (found.hostname, [str(each) for each in found.nameservers]) == ("n1", ["10.0.0.1"])
    (eth0,) = found.interfaces
    assert (eth0.addresses, eth0.dhcp, eth0.mtu) == ((ip_interface("10.0.0.5/24"),), False, 1400)


def test_documents_about_the_link_are_replaced(write: Write, generated: Generated) -> None:
    """Also those beside the root; what they say of other things stays."""
    write("worker.yaml", generated.worker)
    write(
        "patch.yaml",
        """
apiVersion: v1alpha1
kind: LinkConfig
name: end0
mtu: 1400
addresses: [{address: 10.9.9.9/24}]
---
apiVersion: v1alpha1
kind: DHCPv4Config
name: end0
---
apiVersion: v1alpha1
kind: ResolverConfig
nameservers: [{address: 9.9.9.9}]
searchDomains: {domains: [lab]}
""",
    )
    values = {
        "config": "worker.yaml",
        "patch": "patch.yaml",
        "interface": "end0",
        "address": "10.0.0.5/24",
        "nameservers": "10.0.0.1",
    }
    found = _view(make_card(values, folder=write("x", "").parent))
    (end0,) = found.interfaces
    assert (end0.addresses, end0.dhcp, end0.mtu) == ((ip_interface("10.0.0.5/24"),), False, 1400)
    assert [str(each) for each in found.nameservers] == ["10.0.0.1"]
    assert found.search_domains == ("lab",)


def test_faults_of_a_configuration_are_told_once_a_card(write: Write) -> None:
    """With the file's own place behind the row's."""
    write("bad.yaml", "version: v1alpha1\nmachine: {type: nonsense, xyz: 1}\n")
    write("part.yaml", 'apiVersion: v1alpha1\nkind: HostnameConfig\nauto: "off"\nhostname: a\n')
    path = write("cards.csv", "hostname,config\nn1,bad.yaml\nn2,part.yaml\n")
    faults = _faults(path)
    assert any(fault.startswith("row 2, config: bad.yaml") for fault in faults)
    assert "row 3, config: part.yaml has no v1alpha1 document" in faults


def test_too_large_a_configuration_is_a_fault(write: Write, generated: Generated) -> None:
    """META holds 256 KiB."""
    write("worker.yaml", generated.worker)
    big = "x" * (256 * 1024)
    write("patch.yaml", f"machine: {{env: {{BIG: {big}}}}}\n")
    with pytest.raises(ConfigError) as caught:
        make_card({"config": "worker.yaml", "patch": "patch.yaml"}, folder=write("x", "").parent)
    assert "do not fit" in caught.value.faults[0]


def test_secret_of_a_bad_enrolment_is_not_shown(write: Write) -> None:
    """It may be a whole one with a typo beside it."""
    path = write("cards.csv", f"enrolment\n0123:{SECRET}\n")
    assert SECRET not in "".join(_faults(path))
    assert SECRET not in repr(make_card({"enrolment": f"0123456789abcdef:{SECRET}"}))


@pytest.mark.parametrize(
    ("path", "is_fine"),
    [
        ("config.txt", True),
        ("a/b/c d.dtbo", True),
        ("ünïcode.txt", True),
        ("", False),
        ("a//b", False),
        ("a/../b", False),
        ("a\nb", False),
        ('a"b', False),
        ("dot.", False),
        ("blank /x", False),
        (" x", False),
        ("x" * 256, False),
    ],
)
def test_names_that_fat_cannot_hold_are_found(path: str, is_fine: bool) -> None:
    """Before mtools changes them to something else."""
    assert (file_name_fault(path) == "") is is_fine


def test_card_of_a_command_has_no_name_of_its_own(write: Write) -> None:
    """Many are made with the same options; whoever wants a name gives one."""
    assert make_card({"asset_tag": "A-1"}) == CardSpec(asset_tag="A-1")
    assert make_card({"hostname": "n1"}).name == "n1"
    with pytest.raises(ConfigError) as caught:
        make_card({"address": "x", "files": ["a=none"]}, folder=write("x", "").parent)
    assert caught.value.faults[0] == "card, address: 'x' is not an address"
