# SPDX-License-Identifier: Apache-2.0
"""Disks, volumes and mounts."""

from edge.node.resource.definition import Kind

DISK = Kind(
    type="Disks.block.talos.dev",
    singular="Disk",
    namespace="runtime",
    message_name="definitions.block_pb2.DiskSpec",
    columns=(
        ("Size", "{.pretty_size}"),
        ("Read Only", "{.readonly}"),
        ("Transport", "{.transport}"),
        ("Rotational", "{.rotational}"),
        ("WWID", "{.wwid}"),
        ("Model", "{.model}"),
        ("Serial", "{.serial}"),
    ),
)
DISCOVERED_VOLUME = Kind(
    type="DiscoveredVolumes.block.talos.dev",
    singular="DiscoveredVolume",
    namespace="runtime",
    message_name="definitions.block_pb2.DiscoveredVolumeSpec",
    columns=(
        ("Type", "{.type}"),
        ("Size", "{.pretty_size}"),
        ("Discovered", "{.name}"),
        ("Label", "{.label}"),
        ("PartitionLabel", "{.partition_label}"),
    ),
)
SYSTEM_DISK = Kind(
    type="SystemDisks.block.talos.dev",
    singular="SystemDisk",
    namespace="runtime",
    message_name="definitions.block_pb2.SystemDiskSpec",
    columns=(("Disk", "{.diskID}"),),
)
VOLUME_STATUS = Kind(
    type="VolumeStatuses.block.talos.dev",
    singular="VolumeStatus",
    namespace="runtime",
    message_name="definitions.block_pb2.VolumeStatusSpec",
    columns=(
        ("Type", "{.type}"),
        ("Phase", "{.phase}"),
        ("Location", "{.location}"),
        ("Size", "{.prettySize}"),
    ),
)
MOUNT_STATUS = Kind(
    type="MountStatuses.block.talos.dev",
    singular="MountStatus",
    namespace="runtime",
    message_name="definitions.block_pb2.MountStatusSpec",
    columns=(
        ("Source", "{.source}"),
        ("Target", "{.target}"),
        ("Filesystem", "{.filesystem}"),
        ("Volume", "{.spec.volumeID}"),
    ),
)
BLOCK_DEVICE = Kind(
    type="BlockDevices.block.talos.dev",
    singular="BlockDevice",
    namespace="runtime",
    message_name="definitions.block_pb2.DeviceSpec",
    columns=(
        ("Type", "{.type}"),
        ("PartitionName", "{.partitionName}"),
        ("Generation", "{.generation}"),
    ),
)
DISCOVERED_VOLUMES_STATUS = Kind(
    type="DiscoveredVolumesStatuses.block.talos.dev",
    singular="DiscoveredVolumesStatus",
    namespace="runtime",
    message_name="definitions.block_pb2.DiscoveredVolumesStatusSpec",
    columns=(("Ready", "{.ready}"),),
)
SWAP_STATUS = Kind(
    type="SwapStatuses.block.talos.dev",
    singular="SwapStatus",
    namespace="runtime",
    message_name="definitions.block_pb2.SwapStatusSpec",
    aliases=(
        "swap",
        "swaps",
    ),
    columns=(
        ("Device", "{.device}"),
        ("Size", "{.sizeHuman}"),
        ("Used", "{.usedHuman}"),
        ("Priority", "{.priority}"),
    ),
)
