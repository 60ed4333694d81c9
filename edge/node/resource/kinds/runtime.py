# SPDX-License-Identifier: Apache-2.0
"""The running system: stage, services, kernel, time."""

from edge.node.resource.definition import Kind

MACHINE_STATUS = Kind(
    type="MachineStatuses.runtime.talos.dev",
    singular="MachineStatus",
    namespace="runtime",
    message_name="definitions.runtime_pb2.MachineStatusSpec",
    columns=(("Stage", "{.stage}"), ("Ready", "{.status.ready}")),
)
META_KEY = Kind(
    type="MetaKeys.runtime.talos.dev",
    singular="MetaKey",
    namespace="runtime",
    message_name="definitions.runtime_pb2.MetaKeySpec",
    aliases=("meta",),
    columns=(("Value", "{.value}"),),
)
VERSION = Kind(
    type="Versions.runtime.talos.dev",
    singular="Version",
    namespace="runtime",
    message_name="definitions.runtime_pb2.VersionSpec",
    columns=(("Name", "{.name}"), ("Version", "{.version}")),
)
BOOT_ID = Kind(
    type="BootIDs.runtime.talos.dev",
    singular="BootID",
    namespace="runtime",
    message_name="definitions.runtime_pb2.BootIDSpec",
    columns=(("Boot ID", "{.bootID}"),),
)
KERNEL_CMDLINE = Kind(
    type="KernelCmdlines.runtime.talos.dev",
    singular="KernelCmdline",
    namespace="runtime",
    message_name="definitions.runtime_pb2.KernelCmdlineSpec",
    aliases=("cmdline",),
    columns=(("Cmdline", "{.cmdline}"),),
)
DIAGNOSTIC = Kind(
    type="Diagnostics.runtime.talos.dev",
    singular="Diagnostic",
    namespace="runtime",
    message_name="definitions.runtime_pb2.DiagnosticSpec",
    columns=(("Message", "{.message}"),),
)
WATCHDOG_STATUS = Kind(
    type="WatchdogTimerStatuses.runtime.talos.dev",
    singular="WatchdogTimerStatus",
    namespace="runtime",
    message_name="definitions.runtime_pb2.WatchdogTimerStatusSpec",
    columns=(("Device", "{.device}"), ("Timeout", "{.timeout}")),
)
SERVICE = Kind(
    type="Services.v1alpha1.talos.dev",
    singular="Service",
    namespace="runtime",
    message_name="definitions.v1alpha1_pb2.ServiceSpec",
    aliases=("svc",),
    columns=(
        ("Running", "{.running}"),
        ("Healthy", "{.healthy}"),
        ("Health Unknown", "{.unknown}"),
    ),
)
TIME_STATUS = Kind(
    type="TimeStatuses.v1alpha1.talos.dev",
    singular="TimeStatus",
    namespace="runtime",
    message_name="definitions.time_pb2.StatusSpec",
    columns=(("Synced", "{.synced}"),),
)
EXTENSION_STATUS = Kind(
    type="ExtensionStatuses.runtime.talos.dev",
    singular="ExtensionStatus",
    namespace="runtime",
    message_name="definitions.runtime_pb2.ExtensionStatusSpec",
    aliases=("extensions",),
    columns=(
        ("Name", "{.metadata.name}"),
        ("Version", "{.metadata.version}"),
    ),
)
KERNEL_MODULE_STATUS = Kind(
    type="KernelModuleStatuses.runtime.talos.dev",
    singular="KernelModuleStatus",
    namespace="runtime",
    message_name="definitions.runtime_pb2.KernelModuleStatusSpec",
    aliases=(
        "module",
        "modules",
    ),
    columns=(
        ("Type", "{.type}"),
        ("State", "{.state}"),
    ),
)
KERNEL_PARAM_SPEC = Kind(
    type="KernelParamSpecs.runtime.talos.dev",
    singular="KernelParamSpec",
    namespace="runtime",
    message_name="definitions.runtime_pb2.KernelParamSpecSpec",
)
KERNEL_PARAM_STATUS = Kind(
    type="KernelParamStatuses.runtime.talos.dev",
    singular="KernelParamStatus",
    namespace="runtime",
    message_name="definitions.runtime_pb2.KernelParamStatusSpec",
    aliases=(
        "sysctls",
        "kernelparameters",
        "kernelparams",
    ),
    columns=(
        ("Current", "{.current}"),
        ("Default", "{.default}"),
        ("Unsupported", "{.unsupported}"),
    ),
)
LOADED_KERNEL_MODULE = Kind(
    type="LoadedKernelModules.runtime.talos.dev",
    singular="LoadedKernelModule",
    namespace="runtime",
    message_name="definitions.runtime_pb2.LoadedKernelModuleSpec",
    columns=(("State", "{.state}"),),
)
META_LOAD = Kind(
    type="MetaLoads.runtime.talos.dev",
    singular="MetaLoad",
    namespace="runtime",
    message_name="definitions.runtime_pb2.MetaLoadedSpec",
    columns=(("Done", "{.done}"),),
)
MOUNT = Kind(
    type="MountStatuses.runtime.talos.dev",
    singular="MountStatus",
    namespace="runtime",
    message_name="definitions.runtime_pb2.MountStatusSpec",
    only=("mounts",),
    columns=(
        ("Source", "{.source}"),
        ("Target", "{.target}"),
        ("Filesystem Type", "{.filesystemType}"),
    ),
)
PLATFORM_METADATA = Kind(
    type="PlatformMetadatas.talos.dev",
    singular="PlatformMetadata",
    namespace="runtime",
    message_name="definitions.runtime_pb2.PlatformMetadataSpec",
    columns=(
        ("Platform", "{.platform}"),
        ("Type", "{.instanceType}"),
        ("Region", "{.region}"),
        ("Zone", "{.zone}"),
    ),
)
SECURITY_STATE = Kind(
    type="SecurityStates.talos.dev",
    singular="SecurityState",
    namespace="runtime",
    message_name="definitions.runtime_pb2.SecurityStateSpec",
    columns=(
        ("SecureBoot", "{.secureBoot}"),
        ("UKISigningKeyFingerprint", "{.ukiSigningKeyFingerprint}"),
        ("PCRSigningKeyFingerprint", "{.pcrSigningKeyFingerprint}"),
        ("SELinuxState", "{.selinuxState}"),
        ("ModuleSignatureEnforced", "{.moduleSignatureEnforced}"),
    ),
)
WATCHDOG_CONFIG = Kind(
    type="WatchdogTimerConfigs.runtime.talos.dev",
    singular="WatchdogTimerConfig",
    namespace="runtime",
    message_name="definitions.runtime_pb2.WatchdogTimerConfigSpec",
    columns=(
        ("Device", "{.device}"),
        ("Timeout", "{.timeout}"),
    ),
)
ADJTIME_STATUS = Kind(
    type="AdjtimeStatuses.v1alpha1.talos.dev",
    singular="AdjtimeStatus",
    namespace="runtime",
    message_name="definitions.time_pb2.AdjtimeStatusSpec",
    columns=(
        ("Offset", "{.offset}"),
        ("EstError", "{.estError}"),
        ("MaxError", "{.maxError}"),
        ("Status", "{.status}"),
        ("Sync", "{.syncStatus}"),
    ),
)
