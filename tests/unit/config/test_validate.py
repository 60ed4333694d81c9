# SPDX-License-Identifier: Apache-2.0
"""Rules between keys and between documents."""

import base64

import pytest
import yaml

from edge.config.generate import Generated
from edge.config.load import load
from edge.config.validate import load_valid, validate
from edge.errors import ConfigError
from edge.pki.secrets import SecretsBundle


def faults(text: str) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        validate(load(text, source="c"))
    return caught.value.faults


def worker(generated: Generated, extra: str) -> str:
    """Return the generated worker with the keys of `extra` merged in at any depth."""
    root, *rest = yaml.safe_load_all(generated.worker)
    _merge(root, yaml.safe_load(extra))
    return yaml.safe_dump_all([root, *rest])


def _merge(left: dict[str, object], right: dict[str, object]) -> None:
    for key, value in right.items():
        inner = left.get(key)
        if isinstance(inner, dict) and isinstance(value, dict):
            _merge(inner, value)
        else:
            left[key] = value


def test_generated_configurations_are_valid(generated: Generated) -> None:
    """What is generated has no fault, and one warning that names the keys that rest."""
    for text in (generated.controlplane, generated.worker):
        _, (warning,) = load_valid(text)
        assert warning.startswith("accepted, but this version does not act on: machine.kubelet, ")


def test_strict_mode(generated: Generated) -> None:
    """Strictness turns warnings into faults."""
    with pytest.raises(ConfigError) as caught:
        validate(load(generated.worker), strict=True)
    assert caught.value.faults[0].startswith("warning: accepted, but")


def test_all_rules_report_together() -> None:
    """No rule hides what another finds."""
    text = (
        "version: v1alpha1\npersist: false\nmachine:\n  type: workr\n"
        "---\nkind: HostnameConfig\napiVersion: v1alpha1\n"
        "---\nkind: WatchdogTimerConfig\napiVersion: v1alpha1\ntimeout: 5s\n"
    )
    assert faults(text) == (
        "c:2: persist: must be true",
        "c:4: machine.type: 'workr' is not one: controlplane or worker",
        "c:3: machine.ca: the certificate, or one in acceptedCAs, is required",
        "c:1: cluster: is required",
        "c:6: HostnameConfig: needs auto or hostname",
        "c:9: WatchdogTimerConfig: device: is required, such as /dev/watchdog0",
        "c:11: WatchdogTimerConfig: timeout: must be 10s or more",
    )


def test_faults_of_every_sort_at_once() -> None:
    """Duplicates, forms and senses are told together, and no consequence of theirs."""
    text = (
        "version: v1alpha1\npersist: false\nmachine:\n  type: worker\n  token: a\n  token: b\n"
        "  nodeLabels: {'a b': c}\n  network:\n    interfaces:\n      - {mtu: big}\n"
        "      - {interface: [a]}\n      - {dhcp: true}\n  ca: {crt: '%'}\n"
        "---\nkind: LinkConfig\napiVersion: v1alpha1\n"
        "---\nkind: WatchdogTimerConfig\napiVersion: v1alpha1\ntimeout: 5s\nx: 1\n"
    )
    with pytest.raises(ConfigError) as caught:
        load_valid(text, source="c")
    assert caught.value.faults == (
        "c:6: machine.token: the key is given twice",
        "c:10: machine.network.interfaces[0].mtu: a whole number is expected",
        "c:11: machine.network.interfaces[1].interface: a text is expected",
        "c:13: machine.ca.crt: not base64",
        "c:15: LinkConfig: name: is required",
        "c:21: WatchdogTimerConfig: x: unknown key",
        "c:2: persist: must be true",
        'c:7: machine.nodeLabels["a b"]: is not a valid Kubernetes name',
        "c:12: machine.network.interfaces[2]: needs either interface or deviceSelector",
        "c:1: cluster: is required",
        "c:18: WatchdogTimerConfig: device: is required, such as /dev/watchdog0",
        "c:20: WatchdogTimerConfig: timeout: must be 10s or more",
    )


def test_disk_to_install_to() -> None:
    """It is asked for where something is installed, and only there."""
    text = "version: v1alpha1\nmachine: {type: worker, install: {wipe: true}}\n"
    for installs in (True, False):
        with pytest.raises(ConfigError) as caught:
            load_valid(text, source="c", installs=installs)
        fault = "c:2: machine.install: needs either disk or diskSelector"
        assert (fault in caught.value.faults) is installs


def test_machine_is_required() -> None:
    """A root document without its machine is no use."""
    assert "c:1: machine: is required" in faults("version: v1alpha1\n")


@pytest.mark.parametrize(
    ("extra", "fault"),
    [
        ("machine: {type: }", "machine.type: is required: controlplane or worker"),
        ("machine: {ca: {crt: QUFB}}", "machine.ca.crt: not a bundle of PEM certificates"),
        ("machine: {ca: {key: QUFB}}", "machine.ca.key: only control-plane machines may have"),
        ("machine: {ca: {key: QUFB}}", "machine.ca.key: not a private key in PEM form"),
        ("machine: {acceptedCAs: [{}]}", "machine.acceptedCAs[0].crt: is required"),
        ("cluster: {ca: {key: QUFB}}", "cluster.ca.key: only control-plane machines may have"),
        ("cluster: {etcd: {image: x}}", "cluster.etcd: is for control-plane machines only"),
        ("cluster: {controlPlane: {endpoint: 'http://a:1'}}", "is not an https URL"),
        ("cluster: {controlPlane: {endpoint: 'https://a:99999'}}", "is not an https URL"),
        ("cluster: {network: {dnsDomain: a_b}}", "'a_b' is not a domain name"),
        ("cluster: {network: {cni: {name: calico}}}", "must be flannel, custom or none"),
        ("cluster: {network: {cni: {name: none, urls: ['a:b']}}}", "for the custom network only"),
        ("cluster: {id: ''}", "cluster.discovery: needs cluster.id and cluster.secret"),
        ("cluster: {inlineManifests: [{name: a}, {name: a}, {}]}", "[1].name: the name is given"),
        ("cluster: {inlineManifests: [{contents: a}]}", "inlineManifests[0].name: is required"),
        ("cluster: {externalCloudProvider: {manifests: ['a:b']}}", "need enabled: true"),
        ("machine: {install: {extraKernelArgs: [a]}}", "together with grubUseUKICmdline"),
        ("machine: {kubelet: {extraConfig: {port: 1}}}", "extraConfig.port: may not be changed"),
        ("machine: {features: {hostDNS: {enabled: false}}}", "needs hostDNS.enabled"),
        ("machine: {features: {nodeAddressSortAlgorithm: v9}}", "must be v1 or v2"),
        ("machine: {features: {kubernetesTalosAPIAccess: {enabled: true}}}", "control-plane"),
        ("machine: {nodeLabels: {'a b': c}}", 'nodeLabels["a b"]: is not a valid Kubernetes name'),
        ("machine: {nodeLabels: {a: 'b c'}}", "'b c' is not a valid label value"),
        ("machine: {nodeTaints: {a: b}}", "'b' is not a taint such as value:NoSchedule"),
        ("machine: {nodeTaints: {a: 'b:NoSchedule'}}", None),
        ("machine: {disks: [{}]}", "machine.disks[0].device: is required"),
        (
            "machine: {disks: [{device: a, partitions: [{size: 0}, {size: 1GB}]}]}",
            "partitions[0].size: only the last partition may take the rest",
        ),
        ("machine: {systemDiskEncryption: {state: {cipher: a}}}", "at least one key is required"),
        (
            "machine: {systemDiskEncryption: {state: {keys: [{slot: 0, nodeID: {}}, {}]}}}",
            "keys[1].slot: the slot is given twice",
        ),
        ("machine: {network: {interfaces: [{dhcp: true}]}}", "needs either interface or device"),
        (
            "machine: {network: {interfaces: [{interface: a}, {interface: a}]}}",
            "interfaces[1]: the interface is given twice",
        ),
        (
            "machine: {network: {interfaces: [{interface: a, vip: {ip: 1.1.1.1}}]}}",
            "vip: is for control-plane machines only",
        ),
        (
            "machine: {network: {interfaces: [{interface: a, routes: [{}]}]}}",
            "routes[0]: needs a network or a gateway",
        ),
        (
            "machine: {network: {interfaces: [{interface: a, vlans: [{vlanId: 5000}]}]}}",
            "vlans[0].vlanId: must be 1 to 4094",
        ),
        (
            "machine: {network: {interfaces: [{interface: a, wireguard: {privateKey: QQ==}}]}}",
            "wireguard.privateKey: must be base64 of 32 bytes",
        ),
        (
            "machine: {network: {interfaces: ["
            "{interface: b0, bond: {interfaces: [e0], mode: 802.3ad, updelay: 5}},"
            " {interface: br0, bridge: {interfaces: [e0]}}]}}",
            "bridge.interfaces[0]: e0 already belongs to b0",
        ),
        (
            "machine: {network: {interfaces: [{interface: b0, bond: {interfaces: [e0]}},"
            " {interface: e0, addresses: [1.1.1.1/8]}]}}",
            "interfaces[1].addresses: a member of b0 cannot have addresses",
        ),
        (
            "machine: {network: {interfaces: [{interface: b, bond: {interfaces: [e0],"
            " mode: balance-rr, lacpRate: fast}}]}}",
            "bond.lacpRate: is for the mode 802.3ad only",
        ),
        ("machine: {network: {hostname: n1}}", "conflicts with machine.network.hostname"),
    ],
)
def test_root_rule(generated: Generated, extra: str, fault: str | None) -> None:
    """Each rule about the root document finds its fault."""
    text = worker(generated, extra)
    if fault is None:
        validate(load(text))
    else:
        assert any(fault in line for line in faults(text)), faults(text)


@pytest.mark.parametrize(
    ("document", "fault"),
    [
        ("kind: HostnameConfig\nauto: stable\nhostname: n1", "together with auto: stable"),
        ("kind: HostnameConfig\nauto: off\nhostname: n1", None),
        ("kind: HostnameConfig\nhostname: a_b", "'a_b' is not a host name"),
        ("kind: StaticHostConfig\nname: nas\nhostnames: [a]", "name: 'nas' is not an address"),
        ("kind: StaticHostConfig\nname: 10.0.0.1", "hostnames: at least one is required"),
        ("kind: StaticHostConfig\nname: 10.0.0.1\nhostnames: [a]", None),
        ("kind: ResolverConfig\nnameservers: [{}]", "nameservers[0].address: is required"),
        ("kind: TimeSyncConfig\nntp: {servers: [a]}\nptp: {devices: [b]}", "together with ntp"),
        ("kind: KubeSpanConfig\nmtu: 1000", "mtu: must be 1280 or more"),
        ("kind: LinkConfig\nname: e0\naddresses: [{}]", "addresses[0].address: is required"),
        ("kind: LinkConfig\nname: e0\nroutes: [{}]", "routes[0]: needs a destination or a gate"),
        ("kind: VLANConfig\nname: e0.5", "vlanID: must be 1 to 4094"),
        ("kind: BondConfig\nname: b0", "links: at least one is required"),
        (
            "kind: BondConfig\nname: b0\nlinks: [e0]\nbondMode: 802.3ad\nprimary: e0",
            "primary: is for the modes active-backup, balance-tlb, balance-alb only",
        ),
        (
            "kind: BondConfig\nname: b0\nlinks: [e0]\nbondMode: balance-rr\nmiimon: 100\n"
            "updelay: 200\npacketsPerSlave: 4",
            None,
        ),
        (
            "kind: BondConfig\nname: b0\nlinks: [e0]\nbondMode: balance-rr\nmiimon: 100\n"
            "arpInterval: 100",
            "arpInterval: cannot be used together with miimon",
        ),
        (
            "kind: BondConfig\nname: b0\nlinks: [e0]\nbondMode: 802.3ad\n---\n"
            "apiVersion: v1alpha1\nkind: BridgeConfig\nname: br0\nlinks: [e1, e0]",
            "links[1]: e0 already belongs to b0",
        ),
        (
            "kind: BridgeConfig\nname: br0\nlinks: [e0]\n---\n"
            "apiVersion: v1alpha1\nkind: LinkConfig\nname: e0\naddresses: [{address: 10.0.0.1/8}]",
            "addresses: a member of br0 cannot have addresses",
        ),
        ("kind: KubeNodeConfig\nlabels: {'a b': c}", 'labels["a b"]: is not a valid'),
        ("kind: KubeNodeConfig\ntaints: {a: b}", "'b' is not a taint"),
        ("kind: KubeletConfig\nconfig: {port: 1}", "config.port: may not be changed"),
        ("kind: DHCPv4Config\nname: e0\nclientIdentifier: duid", "duidRaw: goes together"),
        ("kind: Layer2VIPConfig\nname: 10.0.0.1", "link: is required"),
        ("kind: LinkAliasConfig\nname: a", "selector.match: is required"),
        ("kind: WireguardConfig\nname: w\nprivateKey: x", "privateKey: must be base64 of 32"),
        (
            "kind: NetworkRuleConfig\nname: r\nportSelector: {ports: [0, 5-2, x, 1-65535]}",
            "ports[0]: '0' is not a port or a range of ports",
        ),
        ("kind: VolumeConfig\nname: DATA", "name: must be one of STATE, EPHEMERAL"),
        ("kind: UserVolumeConfig\nname: a_b", "name: must be 1 to 34 letters, digits or dashes"),
        (
            "kind: UserVolumeConfig\nname: a\nprovisioning: {minSize: 2GB, maxSize: 1GB}",
            "provisioning.minSize: is more than maxSize",
        ),
        (
            "kind: UserVolumeConfig\nname: a\nprovisioning: {minSize: 2GB, maxSize: 50%}",
            None,
        ),
        ("kind: TrustedRootsConfig\nname: a\ncertificates: x", "not a bundle of PEM"),
        ("kind: KmsgLogConfig\nname: a\nurl: http://a", "must be tcp://host:port"),
        ("kind: EventSinkConfig\nendpoint: a", "endpoint: must be host:port"),
        ("kind: BlackholeRouteConfig\nname: a", "name: 'a' is not a network"),
        ("kind: TCPProbeConfig\nname: a", "endpoint: is required"),
        ("kind: HTTPProbeConfig\nname: a", "url: is required"),
        ("kind: DiscoveryIdentityConfig", "clusterID: is required"),
    ],
)
def test_document_rule(document: str, fault: str | None) -> None:
    """Each rule about a document beside the root finds its fault."""
    text = f"apiVersion: v1alpha1\n{document}\n"
    if fault is None:
        validate(load(text))
    else:
        assert any(fault in line for line in faults(text)), faults(text)


@pytest.mark.parametrize(
    ("extra", "document"),
    [
        ("machine: {time: {disabled: true}}", "kind: TimeSyncConfig\nenabled: true"),
        ("machine: {sysctls: {a: b}}", "kind: SysctlConfig\nparams: {a: b}"),
        (
            "machine: {network: {interfaces: [{interface: e0, dhcp: true}]}}",
            "kind: LinkConfig\nname: e0",
        ),
        (
            "machine: {network: {nameservers: [1.1.1.1]}}",
            "kind: ResolverConfig\nnameservers: [{address: 1.1.1.1}]",
        ),
    ],
)
def test_conflicts(generated: Generated, extra: str, document: str) -> None:
    """The same setting in two places is refused, and only then."""
    beside = f"---\napiVersion: v1alpha1\n{document}\n"
    validate(load(generated.worker + beside))
    (fault,) = faults(worker(generated, extra) + beside)
    assert "conflicts with" in fault
    assert fault.endswith("of the root document; keep one of them")


def test_foreign_key(generated: Generated, bundle: SecretsBundle) -> None:
    """The key of another authority is noticed."""
    root, *rest = yaml.safe_load_all(generated.controlplane)
    root["machine"]["ca"]["key"] = base64.b64encode(bundle.etcd.key).decode()
    (fault,) = faults(yaml.safe_dump_all([root, *rest]))
    assert fault.endswith("machine.ca.key: does not belong to the certificate")


def test_worker_with_control_plane_secrets(generated: Generated) -> None:
    """A control-plane configuration turned worker must give its keys up."""
    text = generated.controlplane.replace("type: controlplane", "type: worker")
    found = faults(text)
    assert [fault.split(": ")[1] for fault in found] == [
        "machine.ca.key",
        "cluster.ca.key",
        "cluster.etcd",
    ]
