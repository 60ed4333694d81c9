# SPDX-License-Identifier: Apache-2.0
"""The configuration of a machine, and the secrets in it."""

from edge.node.resource.definition import Kind

MACHINE_CONFIG = Kind(
    type="MachineConfigs.config.talos.dev",
    singular="MachineConfig",
    namespace="config",
    message_name="config_pb2.MachineConfigSpec",
    aliases=("machineconfig", "mc", "mcs"),
    sensitive=True,
)
MACHINE_TYPE = Kind(
    type="MachineTypes.config.talos.dev",
    singular="MachineType",
    namespace="config",
    message_name="config_pb2.MachineTypeSpec",
    columns=(("Type", "{@}"),),
)
CERT_SANS = Kind(
    type="CertSANs.secrets.talos.dev",
    singular="CertSAN",
    namespace="secrets",
    message_name="definitions.secrets_pb2.CertSANSpec",
    sensitive=True,
)
OS_ROOT_SECRET = Kind(
    type="OSRootSecrets.secrets.talos.dev",
    singular="OSRootSecret",
    namespace="secrets",
    message_name="definitions.secrets_pb2.OSRootSpec",
    sensitive=True,
)
