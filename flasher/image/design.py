# SPDX-License-Identifier: Apache-2.0
"""One image as it shall be: the board's profile and somebody's wishes, looked up and agreed."""

from collections.abc import Sequence
from dataclasses import dataclass

from boards.hardware import Console
from boards.profile import Profile
from boards.section import PLAIN
from edge.errors import BoardError, InputError
from flasher.image.config_txt import render_config
from flasher.image.wishes import Wishes
from overlays.choice import parse_choice
from overlays.resolve import ResolvedOverlay, console_of, resolve_all


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """A board, what is wanted of its image, and the overlays that follow from both."""

    profile: Profile
    wishes: Wishes
    overlays: tuple[ResolvedOverlay, ...] = ()

    @property
    def console(self) -> Console:
        """The serial console, where overlays have moved it if they have."""
        moved = console_of(self.overlays)
        if moved is None:
            return self.profile.console
        return self.profile.console.model_copy(update=moved.model_dump())

    @property
    def module_names(self) -> tuple[str, ...]:
        """The kernel modules that are wanted: the board's, its drivers', the overlays'."""
        kernel = self.profile.kernel
        drivers = (name for overlay in self.overlays for name in overlay.modules)
        wanted = (*kernel.modules, *kernel.needs.modules, *drivers)
        return tuple(dict.fromkeys(wanted))


def make_design(profile: Profile, wishes: Wishes) -> Design:
    """Return what to build.

    Raises:
        BoardError: when this board does not have or read what is wanted, and others do.
        InputError: when an overlay or an argument is not allowed, or two exclude each other.
        ConfigError: when a user's overlay or config.txt is wrong in itself.
    """
    chosen = (*map(parse_choice, profile.overlays), *wishes.overlays)
    overlays = resolve_all(chosen, profile.soc)
    _require_trees(profile, wishes, overlays)
    _check_additions(profile, wishes)
    return Design(profile=profile, wishes=wishes, overlays=overlays)


def _check_additions(profile: Profile, wishes: Wishes) -> None:
    """Refuse what this board never reads, and arguments that it would read as something else."""
    if wishes.config_txt.strip() and not profile.config_txt:
        raise BoardError(f"board {profile.name} has no config.txt; Raspberry Pis have")
    render_config(profile.config_txt, wishes.config_txt)  # refuses lines that would be cut
    if wishes.grub_cfg.strip() and profile.loader.kind != "grub-efi":
        raise BoardError(f"board {profile.name} starts its kernel without GRUB")
    for each in wishes.arguments:
        if not PLAIN.fullmatch(each):
            raise InputError(f"kernel argument {each!r} has a blank, a quote or a sign of GRUB's")


def _require_trees(profile: Profile, wishes: Wishes, overlays: Sequence[ResolvedOverlay]) -> None:
    supplied = [piece for piece in profile.pieces if piece.form == "device-tree"]
    if not overlays or profile.device_trees:
        return
    if any(piece.name in wishes.pieces for piece in supplied):
        return
    options = [f"--piece {piece.name}=FILE" for piece in supplied]
    raise BoardError(
        f"board {profile.name} takes its device tree from its firmware; overlays need one here",
        hint=f"give the tree: {' or '.join(options)}" if options else "leave the overlays out",
    )
