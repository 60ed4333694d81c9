# SPDX-License-Identifier: Apache-2.0
"""A machine that is described by documents, as upstream's 1.14 generates it."""

import base64
from typing import Any

import pytest

from edge.config.encode import encode
from edge.config.load import load
from edge.config.validate import load_valid
from edge.config.view import MachineType, view
from edge.errors import ConfigError
from edge.pki.secrets import SecretsBundle

ADMISSION = {"defaults": {"enforce": "baseline"}, "kind": "PodSecurityConfiguration"}
AUDIT = {"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": [{"level": "Metadata"}]}


def document(kind: str, **keys: Any) -> dict[str, Any]:
    return {"apiVersion": "v1alpha1", "kind": kind, **keys}


def root(bundle: SecretsBundle, kind: str) -> dict[str, Any]:
    """Return what is left of the root document."""
    is_control_plane = kind == "controlplane"
    os, etcd = bundle.os, bundle.etcd
    machine = {
        "type": kind,
        "token": bundle.trustd_token,
        "ca": {"crt": encoded(os.certificate), "key": encoded(os.key) if is_control_plane else ""},
        "certSANs": [],
        "features": {"diskQuotaSupport": True},
    }
    cluster: dict[str, Any] = {"token": bundle.bootstrap_token}
    if is_control_plane:
        cluster["etcd"] = {"ca": {"crt": encoded(etcd.certificate), "key": encoded(etcd.key)}}
    return {"version": "v1alpha1", "machine": machine, "cluster": cluster}


def encoded(pem: bytes) -> str:
    return base64.b64encode(pem).decode()


def authority(bundle: SecretsBundle) -> dict[str, str]:
    pair = bundle.k8s
    return {"cert": pair.certificate.decode(), "key": pair.key.decode()}


def common(bundle: SecretsBundle) -> list[dict[str, Any]]:
    """Return the documents of every machine."""
    return [
        document("DiscoveryServiceConfig", name="default", endpoint="https://discovery.example/"),
        document(
            "DiscoveryIdentityConfig",
            clusterID=bundle.cluster_id,
            clusterSecret=bundle.cluster_secret,
        ),
        document("ResolverConfig", hostDNS={"enabled": True, "forwardKubeDNSToHost": True}),
        document("VolumeConfig", name="EPHEMERAL", mount={"secure": True}),
        document("FilesystemTrimConfig", interval="168h"),
        document("SecurityProfileConfig", workloadIsolation=True),
        document("HostnameConfig", auto="stable"),
        document("KubeClusterConfig", clusterName="demo", endpoint="https://10.0.0.10:6443"),
        document("KubeletConfig", image="registry.example/kubelet:v1.35.0"),
        document(
            "KubeNetworkConfig", podSubnets=["10.244.0.0/16"], serviceSubnets=["10.96.0.0/12"]
        ),
        document("KubePrismConfig", port=7445),
    ]


def controlplane(bundle: SecretsBundle) -> list[dict[str, Any]]:
    label = {"node.kubernetes.io/exclude-from-external-load-balancers": ""}
    return [
        root(bundle, "controlplane"),
        *common(bundle),
        document("KubeNodeConfig", labels=label, taints={"a/control-plane": "NoSchedule"}),
        document("KubeAPIServerCAConfig", issuingCA=authority(bundle)),
        document("KubeAggregatorCAConfig", issuingCA=authority(bundle)),
        document("KubeAdmissionControlConfig", name="PodSecurity", configuration=ADMISSION),
        document("KubeAuditPolicyConfig", configuration=AUDIT),
        document("KubeAuthenticationConfig", configuration={"anonymous": {"enabled": True}}),
        document("KubeAuthorizerConfig", name="node", type="Node"),
        document("KubeAuthorizerConfig", name="rbac", type="RBAC"),
        document("KubeEtcdEncryptionConfig", config={"resources": []}),
        document("KubeServiceAccountConfig", issuer={"privateKey": "x"}),
        *(
            document(f"Kube{part}Config")
            for part in ("APIServer", "ControllerManager", "Scheduler")
        ),
        document("KubeProxyConfig"),
        document("KubeFlannelCNIConfig", backendType="vxlan", backendPort=4789),
        document("KubeCoreDNSConfig"),
    ]


def worker(bundle: SecretsBundle) -> list[dict[str, Any]]:
    accepted = [bundle.k8s.certificate.decode()]
    return [
        root(bundle, "worker"),
        *common(bundle),
        document("KubeNodeConfig"),
        document("KubeAPIServerCAConfig", acceptedCAs=accepted),
    ]


def test_documents_describe_a_machine(bundle: SecretsBundle) -> None:
    """They are valid, and mean what the root document would."""
    for made, kind in (
        (controlplane(bundle), MachineType.CONTROLPLANE),
        (worker(bundle), MachineType.WORKER),
    ):
        config, (warning,) = load_valid(encode(made))
        assert "KubeClusterConfig" not in warning
        seen = view(config)
        assert seen.machine_type is kind
        assert (seen.cluster_name, seen.endpoint) == ("demo", "https://10.0.0.10:6443")
        assert (seen.cluster_id, seen.cluster_secret) == (bundle.cluster_id, bundle.cluster_secret)
        assert seen.hostname is None
        assert seen.token == bundle.trustd_token


@pytest.mark.parametrize(
    ("kind", "keys", "fault"),
    [
        ("KubeClusterConfig", {"clusterName": "x"}, "endpoint: is required"),
        ("KubeClusterConfig", {"endpoint": "http://a"}, "is not an https URL"),
        ("KubeAPIServerCAConfig", {"acceptedCAs": ["x"]}, "acceptedCAs[0]: not a bundle of PEM"),
        ("KubeAPIServerCAConfig", {"issuingCA": {"cert": "x"}}, "issuingCA.cert: not a bundle"),
        ("KubeAPIServerCAConfig", {"issuingCA": {"key": "x"}}, "only control-plane machines"),
    ],
)
def test_document_rules(bundle: SecretsBundle, kind: str, keys: dict[str, Any], fault: str) -> None:
    """What the root document's rules say holds for documents as well."""
    made = [each for each in worker(bundle) if each.get("kind") != kind]
    with pytest.raises(ConfigError) as caught:
        load_valid(encode([*made, document(kind, **keys)]))
    assert any(fault in line for line in caught.value.faults), caught.value.faults


def test_endpoint_is_in_one_of_its_places(bundle: SecretsBundle) -> None:
    """Without either, the root document's is asked for."""
    made = [each for each in worker(bundle) if each.get("kind") != "KubeClusterConfig"]
    with pytest.raises(ConfigError) as caught:
        load_valid(encode(made))
    (fault,) = caught.value.faults
    assert "cluster.controlPlane.endpoint: is required" in fault
    assert load(encode(made)).root
