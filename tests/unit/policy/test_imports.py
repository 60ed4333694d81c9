# SPDX-License-Identifier: Apache-2.0
"""What may be loaded where: headless code stays headless, PID 1 stays small."""

import subprocess
import sys

import pytest

HEADLESS = (
    "boards.catalog",
    "discovery.browse",
    "edge.client.client",
    "edge.config.load",
    "edge.node.machined",
    "edge.provision.demo.run",
    "edge.provision.lab",
    "flasher.write",
    "flasher.image.build",
)


def loaded_after(statement: str) -> set[str]:
    """Return the modules that a fresh interpreter has loaded after `statement`."""
    code = f"import sys\n{statement}\nprint('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize("module", HEADLESS)
def test_headless_code_never_loads_the_terminal_ui(module: str) -> None:
    """Importing headless packages brings neither Textual nor our screens."""
    loaded = loaded_after(f"import {module}")
    assert "textual" not in loaded
    assert "tui" not in loaded


def test_pid_1_uses_the_standard_library_alone() -> None:
    """The first process of a board loads nothing from outside the standard library and edge."""
    loaded = {name.split(".")[0] for name in loaded_after("import edge.node.init")}
    foreign = loaded - set(sys.stdlib_module_names) - {"edge", "__main__"}
    # Editable installs leave import hooks of their own behind.
    assert {name for name in foreign if not name.startswith(("_", "sitecustomize"))} == set()


def test_machined_does_not_load_netlink_in_the_lab() -> None:
    """A lab node starts without what only boards need."""
    loaded = loaded_after("import edge.node.machined, edge.node.lab")
    assert {name for name in loaded if name.startswith("edge.node.network.")} <= {
        *("edge.node.network.lab", "edge.node.network.sntp", "edge.node.network.choice")
    }


def test_the_network_of_a_board_uses_the_standard_library_alone() -> None:
    """It is on the way to the first answer of a node; one library was a fifth of that."""
    loaded = {name.split(".")[0] for name in loaded_after("import edge.node.network.board")}
    foreign = loaded - set(sys.stdlib_module_names) - {"edge", "__main__"}
    assert {name for name in foreign if not name.startswith(("_", "sitecustomize"))} == set()
    assert not loaded & {"multiprocessing", "unittest"}


def test_a_node_is_reachable_without_what_only_callers_need() -> None:
    """Certificates, messages and documents are loaded when somebody can call (ADR 20)."""
    way = "edge.node.init, edge.node.signing, edge.node.machined, edge.node.board"
    loaded = loaded_after(f"import {way}, edge.node.control.runtime")
    late = {"cryptography", "google.protobuf", "pydantic", "yaml", "zeroconf", "edge.node.api.gate"}
    assert not loaded & late


def test_a_plain_flash_loads_no_configuration_models() -> None:
    """Writing an image starts in a fifth of a second because pydantic stays out of it."""
    assert "pydantic" not in loaded_after("import flasher.write, flasher.source, flasher.record")
