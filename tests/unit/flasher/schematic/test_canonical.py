# SPDX-License-Identifier: Apache-2.0
"""The id of a schematic: the same for the same image, another one for any other."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from edge.errors import ConfigError
from flasher.schematic.canonical import canonical_form, canonical_text, schematic_id
from flasher.schematic.document import parse_ours
from flasher.schematic.load import load_schematic

NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,8}", fullmatch=True)
TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12)
ARGUMENTS = st.from_regex(r"[a-z][a-z0-9._=,]{0,9}", fullmatch=True)
KEYS = st.integers(0x0A, 0xDF)
OVERLAYS = st.fixed_dictionaries(
    {"name": NAMES}, optional={"parameters": st.dictionaries(NAMES, TEXTS, max_size=3)}
)
DOCUMENTS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"board": NAMES},
    optional={
        "overlays": st.lists(OVERLAYS, max_size=3),
        "extensions": st.lists(NAMES, max_size=3, unique=True),
        "kernel": st.fixed_dictionaries(
            {}, optional={"arguments": st.lists(ARGUMENTS, max_size=3)}
        ),
        "meta": st.dictionaries(KEYS, TEXTS, max_size=3).map(
            lambda values: [{"key": key, "value": value} for key, value in values.items()]
        ),
        "config_txt": TEXTS,
        "grub": TEXTS,
    },
)


def id_of(text: str) -> str:
    return schematic_id(parse_ours(text, Path(), source="x"))


def meaning(document: dict[str, Any]) -> Any:
    """Return what a document says, told in another way than the canonical form does."""
    return (
        document["board"],
        [
            (each["name"], sorted(each.get("parameters", {}).items()))
            for each in document.get("overlays", [])
        ],
        sorted(document.get("extensions", [])),
        document.get("kernel", {}).get("arguments", []),
        sorted((each["key"], each["value"]) for each in document.get("meta", [])),
        document.get("config_txt", ""),
        document.get("grub", ""),
    )


def shuffled(value: Any, random: Any) -> Any:
    """Return plain data with the keys of every mapping in another order."""
    if isinstance(value, list):
        return [shuffled(each, random) for each in value]
    if not isinstance(value, dict):
        return value
    keys = list(value)
    random.shuffle(keys)
    return {key: shuffled(value[key], random) for key in keys}


@given(DOCUMENTS, st.randoms(), st.booleans(), st.integers(2, 6))
def test_writing_it_otherwise_changes_nothing(
    document: dict[str, Any], random: Any, flow: bool, indent: int
) -> None:
    """The order of keys, YAML's forms, blanks and comments have no part in the id."""
    plain = yaml.safe_dump(document, allow_unicode=True)
    other = yaml.safe_dump(
        shuffled(document, random), default_flow_style=flow, indent=indent, sort_keys=False
    )
    assert id_of(plain) == id_of(f"# A comment.\n\n{other}\n# Another.\n")
    assert id_of(plain) == id_of(json.dumps(document))


@given(DOCUMENTS, st.randoms())
def test_the_order_of_extensions_and_keys_means_nothing(
    document: dict[str, Any], random: Any
) -> None:
    """They are sets; so is META."""
    other = {**document}
    for name in ("extensions", "meta"):
        if name in other:
            other[name] = random.sample(other[name], len(other[name]))
    assert id_of(yaml.safe_dump(document)) == id_of(yaml.safe_dump(other))


@given(DOCUMENTS, DOCUMENTS)
def test_ids_are_equal_exactly_when_the_images_are(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    """Whatever is said differently gives another id, and what is said alike the same."""
    same = meaning(one) == meaning(other)
    assert (id_of(yaml.safe_dump(one)) == id_of(yaml.safe_dump(other))) is same


@given(DOCUMENTS, st.data())
def test_any_change_changes_the_id(document: dict[str, Any], data: st.DataObject) -> None:
    """One part replaced by another is another image."""
    part = data.draw(st.sampled_from(["board", "extensions", "kernel", "meta", "config_txt"]))
    changed = {**document, part: data.draw(DOCUMENTS.filter(lambda each: part in each))[part]}
    same = meaning(changed) == meaning(document)
    assert (id_of(yaml.safe_dump(changed)) == id_of(yaml.safe_dump(document))) is same


def test_the_form_is_what_is_documented() -> None:
    """Sorted JSON without blanks; a change here would give every schematic another id."""
    schematic = parse_ours(
        "board: rpi4\n"
        'overlays: [disable-bt, {name: i2c-rtc, parameters: {bus: 1, "on": true, chip: ds3231}}]\n'
        "extensions: [wifi, iscsi]\nkernel: {arguments: [b, a]}\nmeta: [{key: 0xc, value: é}]\n"
        "grub: ''\n",
        Path(),
        source="x",
    )
    text = canonical_text(schematic)
    assert text == (
        '{"board":"rpi4","extensions":[{"name":"iscsi"},{"name":"wifi"}],'
        '"kernel":{"arguments":["b","a"]},"meta":{"0x0c":"é"},"overlays":[{"name":"disable-bt"},'
        '{"name":"i2c-rtc","parameters":{"bus":"1","chip":"ds3231","on":"true"}}],"version":1}'
    )
    assert schematic_id(schematic) == sha256(text.encode()).hexdigest()


def write_folder(folder: Path, *, note: str = "a") -> Path:
    (folder / "kit/rootfs/etc").mkdir(parents=True)
    (folder / "kit/extension.yaml").write_text(
        "name: kit\ntitle: Kit\nsummary: A kit.\nversion: '1'\narch: [arm64]\n"
    )
    (folder / "kit/rootfs/etc/note").write_text(note)
    (folder / "firmware").mkdir()
    (folder / "firmware/a.bin").write_bytes(b"a")
    (folder / "own.dts").write_text("/dts-v1/;\n")
    (folder / "config.txt").write_text("gpu_mem=16\n")
    path = folder / "image.yaml"
    path.write_text(
        "board: rpi4\noverlays: [{file: own.dts}]\nextensions: [./kit]\n"
        "config_txt: {file: config.txt}\npieces: {firmware: firmware, own: own.dts}\n"
    )
    return path


def test_files_count_by_what_they_hold(tmp_path: Path) -> None:
    """Not by where they lie or what they are called; a text may be in the file itself."""
    first = load_schematic(write_folder(tmp_path / "a"))
    again = write_folder(tmp_path / "b")
    assert schematic_id(load_schematic(again)) == schematic_id(first)
    again.write_text(again.read_text().replace("{file: config.txt}", '"gpu_mem=16\\n"'))
    assert schematic_id(load_schematic(again)) == schematic_id(first)
    form = canonical_form(first)
    assert form["config_txt"] == sha256(b"gpu_mem=16\n").hexdigest()
    assert form["overlays"] == [{"sha256": sha256(b"/dts-v1/;\n").hexdigest()}]
    assert form["extensions"][0]["name"] == "kit"
    other = load_schematic(write_folder(tmp_path / "c", note="b"))
    assert schematic_id(other) != schematic_id(first)
    assert str(tmp_path) not in canonical_text(first)


WRONG = """
board: RPi4
overlays: [{name: a, file: b}, {name: a, parameters: [1]}]
extensions: [iscsi, iscsi, {}]
kernel: {arguments: ["-quiet", "two words"], cmdline: x}
meta: [{key: 0xE0, value: a}, {key: x, value: b}, {key: 6, value: ""}, {key: 256, value: ""}]
overlayz: []
"""


def test_every_fault_is_told_with_its_place() -> None:
    """All at once."""
    with pytest.raises(ConfigError) as caught:
        parse_ours(WRONG, Path(), source="x")
    faults = "\n".join(caught.value.faults)
    for part in (
        "x: board: ",
        "x: overlays.0: needs either name or file",
        "x: overlays.1.parameters: ",
        "x: extensions.2: needs either name or folder",
        "x: kernel.arguments.0: ",
        "x: kernel.arguments.1: ",
        "x: kernel.cmdline: there is no such field",
        "x: meta.0: key 0xe0 is the node's and the flasher's own",
        "x: meta.1.key: must be a number such as 12 or 0x0c",
        "x: meta.2: key 0x06 is the state of a running node",
        "x: meta.3: key 0x100 is not a key: they go from 1 to 255",
        "x: overlayz: there is no such field",
    ):
        assert part in faults


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("board: a\nextensions: [b, b]", "extensions has b twice"),
        ("board: a\nmeta: [{key: 12, value: a}, {key: 0xc, value: b}]", "has key 0x0c twice"),
        ("board: a\nboard: b", "'board' is there twice"),
        ("board: a\noverlays: [{name: b, parameters: {on: 1}}]", "key True is no text"),
        ("[]", "x: "),
        ("board: a\noverlays: [{file: gone.dts}]", "overlays.0: there is no file gone.dts"),
        ("board: a\nextensions: [./gone]", "extensions.0: there is no folder gone"),
        ("board: a\ngrub: {file: gone}", "grub: there is no file gone"),
        ("board: a\npieces: {kernel: gone}", "pieces.kernel: there is no gone"),
    ],
)
def test_what_means_nothing(text: str, fault: str) -> None:
    """Things twice, things that are not there."""
    with pytest.raises(ConfigError) as caught:
        parse_ours(text, Path(), source="x")
    assert fault in "\n".join(caught.value.faults)


def test_a_parameter_is_the_same_however_it_is_spelled() -> None:
    """Numbers have one spelling, and a default that is written out changes nothing."""

    def of(overlay: str) -> str:
        return id_of(f"board: rpi4\noverlays: [{overlay}]\n")

    rtc = "{{name: i2c-rtc, parameters: {{chip: {}}}}}"
    assert of("i2c-rtc") == of(rtc.format("ds3231")) != of(rtc.format("pcf8523"))
    fan = "{{name: gpio-fan, parameters: {{pin: {}}}}}"
    assert of(fan.format("0x12")) == of(fan.format("18")) == of(fan.format("'0x12'"))
    assert of(fan.format("19")) != of(fan.format("18"))


def test_what_cannot_be_looked_at_is_told_with_its_key(tmp_path: Path) -> None:
    """Also a path that the system does not take at all."""
    name = "x" * 300
    text = f"board: rpi4\ngrub: {{file: {name}}}\npieces: {{a: {name}}}\nextensions: [./{name}]\n"
    with pytest.raises(ConfigError) as caught:
        parse_ours(text, tmp_path, source="x")
    assert len(caught.value.faults) == 3
    for fault, place in zip(caught.value.faults, ("extensions.0", "grub", "pieces.a"), strict=True):
        assert fault.startswith(f"x: {place}: ")
        assert fault.endswith("cannot be read: File name too long")
