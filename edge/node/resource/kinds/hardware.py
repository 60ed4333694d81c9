# SPDX-License-Identifier: Apache-2.0
"""The hardware, and how busy it is."""

from edge.node.resource.definition import Kind

SYSTEM_INFORMATION = Kind(
    type="SystemInformations.hardware.talos.dev",
    singular="SystemInformation",
    namespace="hardware",
    message_name="definitions.hardware_pb2.SystemInformationSpec",
    columns=(
        ("Manufacturer", "{.manufacturer}"),
        ("ProductName", "{.productName}"),
        ("Version", "{.version}"),
        ("SerialNumber", "{.serialnumber}"),
        ("UUID", "{.uuid}"),
        ("WakeUpType", "{.wakeUpType}"),
        ("SKUNumber", "{.skuNumber}"),
    ),
)
CPU_CORE = Kind(
    type="CPUCores.hardware.talos.dev",
    singular="CPUCore",
    namespace="hardware",
    message_name="definitions.hardware_pb2.CPUCoreSpec",
    columns=(
        ("Socket", "{.socket}"),
        ("Core", "{.coreID}"),
        ("Model", "{.modelName}"),
        ("Logical CPUs", "{.logicalCPUs}"),
    ),
)
MEMORY_MODULE = Kind(
    type="MemoryModules.hardware.talos.dev",
    singular="MemoryModule",
    namespace="hardware",
    message_name="definitions.hardware_pb2.MemoryModuleSpec",
    aliases=("ram",),
    columns=(
        ("Manufacturer", "{.manufacturer}"),
        ("Model", "{.productName}"),
        ("SizeMiB", "{.sizeMiB}"),
    ),
)
PCI_DEVICE = Kind(
    type="PCIDevices.hardware.talos.dev",
    singular="PCIDevice",
    namespace="hardware",
    message_name="definitions.hardware_pb2.PCIDeviceSpec",
    aliases=(
        "devices",
        "device",
    ),
    columns=(
        ("Class", "{.class}"),
        ("Subclass", "{.subclass}"),
        ("Vendor", "{.vendor}"),
        ("Product", "{.product}"),
    ),
)
PROCESSOR = Kind(
    type="Processors.hardware.talos.dev",
    singular="Processor",
    namespace="hardware",
    message_name="definitions.hardware_pb2.ProcessorSpec",
    aliases=(
        "cpus",
        "cpu",
    ),
    columns=(
        ("Manufacturer", "{.manufacturer}"),
        ("Model", "{.productName}"),
        ("Cores", "{.coreCount}"),
        ("Threads", "{.threadCount}"),
    ),
)
CPU_STAT = Kind(
    type="CPUStats.perf.talos.dev",
    singular="CPUStat",
    namespace="perf",
    message_name="definitions.perf_pb2.CPUSpec",
    columns=(
        ("User", "{.cpuTotal.user}"),
        ("System", "{.cpuTotal.system}"),
    ),
)
MEMORY_STAT = Kind(
    type="MemoryStats.perf.talos.dev",
    singular="MemoryStat",
    namespace="perf",
    message_name="definitions.perf_pb2.MemorySpec",
    columns=(
        ("Used", "{.used}"),
        ("Total", "{.total}"),
    ),
)
