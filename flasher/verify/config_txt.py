# SPDX-License-Identifier: Apache-2.0
"""Checks of config.txt, which the Raspberry Pi firmware reads with rules of its own."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from edge.errors import ImageError
from flasher.verify.chain import Chain, Model, chain_of
from flasher.verify.check import Check, Outcome, judge, not_applicable, ok, warning
from flasher.verify.device_tree import read_tree, tree_names
from flasher.verify.subject import Subject

NAME = "config.txt"
_LONGEST = 98
_DEEPEST = 8
_SETTING = re.compile(r"(?P<key>[A-Za-z0-9_:]+)=(?P<value>.*)")
_INITRAMFS = re.compile(r"initramfs (?P<name>\S+) (followkernel|0x[0-9a-fA-F]+|\d+)")
_INCLUDE = re.compile(r"include (?P<name>\S+)")
_TREE_LINE = re.compile(r"(?P<key>dtoverlay|dtparam)=(?P<value>.*)")
_FILTER = re.compile(r"\[(?P<name>[^\]]*)\]")
_FILTERS = re.compile(
    r"all|none|tryboot|pi[0-5]|pi3\+|pi02|pi0w|pi400|pi500|cm[0145]|cm3\+?|cm4s|cm5l"
    r"|EDID=.*|gpio\d+=[01]|partition=\d+|0x[0-9a-fA-F]{1,16}|board-type=.*|boot_.*"
)
_MODEL_FILTER = re.compile(r"pi\d.*|cm\d.*")
_KEYS = re.compile(
    r"arm_64bit|arm_boost|arm_freq\w*|armstub|auto_initramfs|avoid_warnings|boot_delay(_ms)?"
    r"|boot_ramdisk|bootcode_delay|camera_auto_detect|cmdline|core_freq\w*|device_tree\w*"
    r"|disable_fw_kms_setup|disable_overscan|disable_poe_fan|disable_splash|display_auto_detect"
    r"|dtdebug|dtoverlay|dtparam|dtb_\w+|enable_jtag_gpio|enable_rp1_uart|enable_tvout"
    r"|enable_uart|erase_\w+|fixup_file|force_eeprom_read|force_turbo|framebuffer_\w+|gpio"
    r"|gpu_freq\w*|gpu_mem(_\d+)?|hdmi_[\w:]+|ignore_lcd|init_uart_(baud|clock)|initial_turbo"
    r"|kernel|kernel_address|max_framebuffers|max_usb_current|os_check|os_prefix|otg_mode"
    r"|overlay_prefix|over_voltage\w*|pciex4_reset|power_force_3v3_pwm|program_\w+"
    r"|ramfsfile|ramfsaddr|sdram_freq\w*|start_(cd|debug|file|x)|temp_limit|temp_soft_limit"
    r"|total_mem|uart_2ndstage|upstream_kernel|uart0_\w+|usb_max_current_enable|usb_mass_storage"
    r"|program_usb_boot_mode"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line that says something: where it is, and the filters that it stands under."""

    file: str
    number: int
    text: str
    filters: tuple[str, ...]

    @property
    def place(self) -> str:
        """Where it is, for a person."""
        return f"{self.file} line {self.number}"

    def holds_on(self, model: Model) -> bool:
        """Tell whether it is sure to count there: not if it hangs on a pin or a serial number."""
        return set(self.filters) <= model.filters


def settings_by_model(subject: Subject) -> dict[str, dict[str, str]]:
    """Return what config.txt sets, by the names of the models that the image is for."""
    lines = read_lines(subject)
    models = chain_of(subject.profile.soc).models
    return {
        model.name: _settings([each for each in lines if each.holds_on(model)]) for model in models
    }


def _settings(lines: Iterable[Line]) -> dict[str, str]:
    """Return what lines that hold set, the last word on each counting."""
    settings = {}
    for line in lines:
        if found := _SETTING.fullmatch(line.text):
            settings[found["key"]] = found["value"]
        elif ramdisk := _INITRAMFS.fullmatch(line.text):
            settings["initramfs"] = ramdisk["name"]
    return settings


def read_lines(subject: Subject) -> list[Line]:
    """Return the lines of config.txt and of what it includes, without comments and filters.

    Raises:
        ImageError: when one of the files is not there.
    """
    return list(_read(subject, NAME, (), depth=0))


def _check_lines(subject: Subject) -> Outcome:
    if not chain_of(subject.profile.soc).reads_config_txt:
        return not_applicable("this board reads no config.txt")
    lines = read_lines(subject)
    faults = [fault for line in lines for fault in _line_faults(line)]
    unknown = sorted({key for line in lines if (key := _key(line)) and not _KEYS.fullmatch(key)})
    if unknown and not faults:
        return warning(f"keys that are not known here: {', '.join(unknown)}")
    return judge(faults, f"{len(lines)} lines of at most {_LONGEST} characters, all keys known")


def _check_filters(subject: Subject) -> Outcome:
    if not chain_of(subject.profile.soc).reads_config_txt:
        return not_applicable("this board reads no config.txt")
    faults: list[str] = []
    filters: tuple[str, ...] = ()
    texts = subject.efi.read(NAME).decode(errors="replace").splitlines()
    for number, text in enumerate(texts, start=1):
        if not text.startswith("["):
            continue
        found = _FILTER.fullmatch(text.strip())
        if found is None or not _FILTERS.fullmatch(found["name"]):
            faults.append(f"{NAME} line {number}: {text.strip()} is no filter that is known")
        else:
            filters = _narrow(filters, found["name"])
    if filters:
        told = "".join(f"[{each}]" for each in filters)
        faults.append(f"it ends under {told}, so that what users add counts only there")
    return judge(faults, "every filter is known, and the last is [all]")


def _check_targets(subject: Subject) -> Outcome:
    if not chain_of(subject.profile.soc).reads_config_txt:
        return not_applicable("this board reads no config.txt")
    by_model = settings_by_model(subject)
    wanted = [f"{key} {name}" for each in by_model.values() for key, name in _targets(each)]
    faults = _faults_by_model(by_model, partial(_target_faults, subject))
    return judge(faults, ", ".join(dict.fromkeys(wanted)))


def _targets(settings: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    prefix = settings.get("os_prefix", "")
    for key in ("kernel", "initramfs", "cmdline"):
        if key in settings:
            yield key, f"{prefix}{settings[key]}"


def _target_faults(subject: Subject, settings: Mapping[str, str]) -> Iterator[str]:
    prefix, direct = settings.get("os_prefix", ""), subject.profile.loader.kind == "rpi-direct"
    for key, name in _targets(settings):
        if not subject.efi.has(name):
            yield f"{key} names {name}, which is not on the EFI partition"
    if "kernel" not in settings:
        yield "it sets no kernel"
    if direct and "initramfs" not in settings:
        yield "it names no initramfs, which holds the whole system"
    if direct and not subject.efi.has(f"{prefix}{settings.get('cmdline', 'cmdline.txt')}"):
        yield f"{prefix}cmdline.txt is missing, which says where the console is"


def _check_rules(subject: Subject) -> Outcome:
    chain = chain_of(subject.profile.soc)
    if not chain.reads_config_txt:
        return not_applicable("this board reads no config.txt")
    by_model = settings_by_model(subject)
    counts = ", ".join(f"{len(settings)} on {name}" for name, settings in by_model.items())
    faults = _faults_by_model(by_model, partial(_rule_faults, chain))
    return judge(faults, f"settings of {chain.name} that hold: {counts}")


def _rule_faults(chain: Chain, settings: Mapping[str, str]) -> Iterator[str]:
    if "device_tree" in settings and any(tree.pinctrl for tree in chain.trees):
        yield "device_tree= overrides the choice between the trees of the two steppings"
    uart = settings.get("enable_uart", "")
    if (chain.uart_rule, uart) == ("off", "1"):
        yield f"enable_uart=1 is set: {chain.uart_text}"
    is_uboot = "u-boot" in settings.get("kernel", "")
    if chain.uart_rule == "on" and is_uboot and uart != "1":
        yield f"enable_uart=1 is missing: {chain.uart_text}"
    if settings.get("arm_64bit", "1") != "1":
        yield "arm_64bit is off, and all of this image is 64-bit"


def _faults_by_model(
    by_model: Mapping[str, Mapping[str, str]], look: Callable[[Mapping[str, str]], Iterator[str]]
) -> list[str]:
    """Return what is wrong with the settings, saying on which models if not on all."""
    found: dict[str, list[str]] = {}
    for model, settings in by_model.items():
        for fault in look(settings):
            found.setdefault(fault, []).append(model)
    return [
        fault if len(names) == len(by_model) else f"on {', '.join(names)}: {fault}"
        for fault, names in found.items()
    ]


def _check_overlays(subject: Subject) -> Outcome:
    if not chain_of(subject.profile.soc).reads_config_txt:
        return not_applicable("this board reads no config.txt")
    idle = [line for line in read_lines(subject) if _changes_nothing(subject, line)]
    if idle:
        told = ", ".join(f"{line.text} ({line.place})" for line in idle)
        return warning(f"changes nothing with this kernel's trees: {told}; use edgectl overlays")
    return ok("no line is for device trees of another system")


CHECKS = (
    Check(
        name="config-lines",
        rule="lines of config.txt have at most 98 characters and no spaces round the equals sign",
        evidence="documentation",
        run=_check_lines,
    ),
    Check(
        name="config-filters",
        rule="filters of config.txt are ones that the firmware knows, and the last one is [all]",
        evidence="documentation",
        run=_check_filters,
    ),
    Check(
        name="config-targets",
        rule="the kernel and the initramfs that config.txt names are there",
        evidence="documentation",
        run=_check_targets,
    ),
    Check(
        name="config-overlays",
        rule="config.txt asks for no overlay or parameter that the trees of this kernel lack",
        evidence="package",
        run=_check_overlays,
    ),
    Check(
        name="config-rules",
        rule="on every model config.txt sets what it must have and nothing that it must not",
        evidence="documentation",
        run=_check_rules,
    ),
)


def _changes_nothing(subject: Subject, line: Line) -> bool:
    """Say whether this is for an overlay that is not there, or a parameter that no tree has."""
    found = _TREE_LINE.fullmatch(line.text)
    if found is None:
        return False
    if found["key"] == "dtoverlay":
        name = found["value"].partition(",")[0]
        return bool(name) and not subject.efi.has(f"overlays/{name}.dtbo")
    return not any(read_tree(subject, each).node("/__overrides__") for each in tree_names(subject))


def _narrow(filters: tuple[str, ...], name: str) -> tuple[str, ...]:
    """Return the filters that hold after another: it takes the place of one of its own kind."""
    if name == "all":
        return ()
    return (*(each for each in filters if _kind(each) != _kind(name)), name)


def _kind(name: str) -> str:
    """Say what a filter asks for: the model, a pin, a serial number, or something else."""
    if _MODEL_FILTER.fullmatch(name):
        return "model"
    return "serial" if name.startswith("0x") else re.split(r"[\d=]", name)[0]


def _read(subject: Subject, name: str, filters: tuple[str, ...], *, depth: int) -> Iterator[Line]:
    if depth > _DEEPEST:
        raise ImageError(f"{name} is included from itself")
    texts = subject.efi.read(name).decode(errors="replace").splitlines()
    for number, text in enumerate(texts, start=1):
        if not text.strip() or text.lstrip().startswith("#"):
            continue
        if found := _FILTER.fullmatch(text.strip()):
            filters = _narrow(filters, found["name"])
            continue
        line = Line(file=name, number=number, text=text, filters=filters)
        yield line
        if included := _INCLUDE.fullmatch(text):
            yield from _read(subject, included["name"], filters, depth=depth + 1)


def _line_faults(line: Line) -> Iterator[str]:
    text = line.text
    if len(text) > _LONGEST:
        yield f"{line.place} has {len(text)} characters, and what is behind {_LONGEST} is not read"
    if text != text.strip() or re.search(r"\s=|=\s", text):
        yield f"{line.place} has spaces where the firmware takes them as part of a value"
    elif not any(each.fullmatch(text) for each in (_SETTING, _INITRAMFS, _INCLUDE)):
        yield f"{line.place} is no setting: {text!r}"
    if text.startswith("initramfs="):
        yield f"{line.place}: initramfs takes no equals sign"


def _key(line: Line) -> str:
    found = _SETTING.fullmatch(line.text)
    return found["key"] if found else ""
