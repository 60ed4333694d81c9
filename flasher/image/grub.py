# SPDX-License-Identifier: Apache-2.0
"""GRUB's configuration: two slots, and a trial boot that is spent before it is tried.

State lives in `grubenv` on the EFI partition, the one file system that GRUB can write to:
`edge_default` names the slot to boot, `edge_trial` a slot to boot once. GRUB clears the trial
before it loads anything: whatever goes wrong afterwards, the next boot is the default slot again.
"""

from collections.abc import Mapping, Sequence

GRUBENV = "EFI/debian/grubenv"
LOADER_CONFIG = "EFI/debian/grub.cfg"
USER_CONFIG = "EFI/debian/user.cfg"
"""What the user adds; no upgrade writes to it."""
BOOT_CONFIG = "grub/grub.cfg"
SLOTS = ("A", "B")
_GRUBENV_SIZE = 1024


def loader_config(*, boot_partition: str, boot_uuid: str) -> str:
    """Return the configuration that GRUB's image reads first, from the EFI partition.

    The boot partition is looked for on the disk that GRUB came from before any other: a card and
    the disk installed from it carry the same identifiers.
    """
    return f"""\
set edge_esp=$root
regexp --set=1:edge_disk '^([^,]+),' $root
set root=$edge_disk,{boot_partition}
if [ ! -e ($root)/{BOOT_CONFIG} ]; then
    search --no-floppy --set=root --fs-uuid {boot_uuid}
fi
export edge_esp
if [ -e ($edge_esp)/{USER_CONFIG} ]; then
    source ($edge_esp)/{USER_CONFIG}
fi
export edge_user_arguments
configfile ($root)/{BOOT_CONFIG}
"""


def user_config(arguments: Sequence[str], commands: str) -> str:
    """Return the file of the user's own kernel arguments, which hold no quotes, and commands."""
    text = f"set edge_user_arguments='{' '.join(arguments)}'\n"
    return f"# Yours: an upgrade leaves this file alone.\n{text}{commands.strip()}".strip() + "\n"


def boot_config(*, arguments: Sequence[str], device_tree: str | None = None) -> str:
    """Return the configuration on the boot partition.

    `arguments` go to every slot's kernel; `device_tree` is a file of the EFI partition that takes
    the place of the firmware's.
    """
    command_line = " ".join(arguments)
    entries = "\n".join(_entry(slot, command_line, device_tree) for slot in SLOTS)
    return f"""\
set edge_default=A
set edge_trial=
load_env -f ($edge_esp)/{GRUBENV} edge_default edge_trial
set edge_slot=$edge_default
set edge_arguments=
if [ -n "$edge_trial" ]; then
    set edge_slot=$edge_trial
    set edge_arguments=edge.trial=1
    set edge_trial=
    save_env -f ($edge_esp)/{GRUBENV} edge_trial
fi
if [ ! -e ($root)/$edge_slot/vmlinuz ]; then
    set edge_slot=$edge_default
    set edge_arguments=
fi
export edge_arguments
set default=$edge_slot
if [ "$edge_slot" = A ]; then set fallback=B; else set fallback=A; fi
set timeout=0

{entries}"""


def grubenv(variables: Mapping[str, str]) -> bytes:
    """Return an environment block, always of the one size that GRUB accepts."""
    text = "# GRUB Environment Block\n" + "".join(
        f"{name}={value}\n" for name, value in variables.items()
    )
    block = text.encode().ljust(_GRUBENV_SIZE, b"#")
    assert len(block) == _GRUBENV_SIZE
    return block


def _entry(slot: str, command_line: str, device_tree: str | None) -> str:
    tree = f"    devicetree ($edge_esp)/{device_tree}\n" if device_tree else ""
    slot_arguments = f"edge.slot={slot} $edge_arguments $edge_user_arguments"
    return f"""\
menuentry "slot {slot}" --id={slot} {{
{tree}    linux ($root)/{slot}/vmlinuz {command_line} {slot_arguments}
    initrd ($root)/{slot}/initramfs
}}
"""
