# SPDX-License-Identifier: Apache-2.0
"""Every controller of a node, and the parts of machined that publish without being one."""

from edge.node.control.clock import ClockController
from edge.node.control.cluster import ClusterController, MemberController, PeerController
from edge.node.control.controller import Controller
from edge.node.control.discovery import DiscoveryController
from edge.node.control.ethernet import EthernetController
from edge.node.control.extension import ExtensionServiceController
from edge.node.control.first import FIRST
from edge.node.control.hardware import HardwareController
from edge.node.control.intent import IntentController
from edge.node.control.kubernetes import KubeletController, NodenameController
from edge.node.control.perf import PerfController
from edge.node.control.security import ModuleController, SystemStateController
from edge.node.control.status import StatusController
from edge.node.control.storage import StorageController
from edge.node.control.system import SysctlController, WatchdogController
from edge.node.resource import kind
from edge.node.resource.graph import Part

# Earlier ones publish what later ones read.
REST: tuple[type[Controller], ...] = (
    StatusController,
    DiscoveryController,
    StorageController,
    ClusterController,
    NodenameController,
    PeerController,
    MemberController,
    IntentController,
    SysctlController,
    SystemStateController,
    WatchdogController,
    ClockController,
    HardwareController,
    EthernetController,
    ModuleController,
    KubeletController,
    ExtensionServiceController,
    PerfController,
)

CONTROLLERS = (*FIRST, *REST)

PARTS = (
    Part(
        name="config.AcquireController",
        outputs=(kind.MACHINE_CONFIG, kind.MACHINE_TYPE, kind.META_KEY),
    ),
    Part(name="runtime.DiagnosticsController", outputs=(kind.DIAGNOSTIC,)),
    Part(
        name="runtime.VersionController",
        outputs=(kind.VERSION, kind.BOOT_ID, kind.KERNEL_CMDLINE),
    ),
    Part(name="hardware.SystemInfoController", outputs=(kind.SYSTEM_INFORMATION,)),
    Part(name="v1alpha1.ServiceController", outputs=(kind.SERVICE,)),
)
