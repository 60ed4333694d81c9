# SPDX-License-Identifier: Apache-2.0
"""`edgectl flash`: write an image to cards, read it back, and record them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from edge.cli.commands.flash_options import (
    CARD,
    IMAGE,
    STATION,
    TARGET,
    WORK,
    Given,
    add_options,
    given,
)
from edge.cli.output import output_option
from edge.cli.progress import narrate

if TYPE_CHECKING:
    from edge.errors import EdgeError
    from edge.events import Listener
    from flasher.card import CardSpec
    from flasher.plan import FlashOptions, FlashPlan
    from flasher.source import Image
    from flasher.write import FlashReport


def _command(**values: Any) -> None:
    """Write an image to cards and read it back.

    Everything on them is lost. Nothing is written to a disk that is mounted, holds this system,
    or is part of an array; `edgectl devices` says what may be written. Every card is recorded
    (`edgectl cards`), so that its node is recognised on the network.

    Several cards are written from one read of the image; a slow or bad one does not hold up the
    others. What was interrupted is continued with --resume.
    """
    _run(given(values))


command = click.command("flash")(
    add_options(
        output_option("table", "json", "jsonl")(_command), IMAGE, TARGET, CARD, WORK, STATION
    )
)


def _run(wish: Given) -> None:
    options = _options(wish)
    specs = _specs(wish)
    if wish.watch:
        _watch(wish, options, specs)
        return
    plans = _plan(wish, options, specs)
    if wish.dry_run:
        from edge.cli.commands.flash_table import print_plans

        print_plans(plans, wish.output)
        return
    if not wish.yes:
        from edge.cli.commands.flash_ask import ask

        ask(plans)
    _finish(wish, plans, _flash(wish, plans))


def _options(wish: Given) -> "FlashOptions":
    from dataclasses import replace

    from flasher.plan import FlashOptions

    options = FlashOptions(
        size_bytes=wish.size_bytes,
        allow_fixed=wish.allow_fixed,
        allow_large=wish.allow_large,
        any_port=wish.any_port,
        save_labels=wish.save_labels,
        probe=not wish.no_probe,
        eject=not wish.no_eject,
        resume=wish.resume,
        enrolment=not wish.no_enrolment,
    )
    if wish.board is None:
        return options
    from boards.catalog import load_profile

    media = load_profile(wish.board).media
    return replace(
        options,
        smallest_bytes=media.smallest_bytes,
        largest_bytes=media.largest_expected_bytes,
        grow_last=media.grow_last,
    )


def _specs(wish: Given) -> "tuple[CardSpec, ...]":
    """Return what the user wants of each card, in the order of the targets."""
    common = _common(wish)
    if wish.list_path is None and not common:
        return ()
    from flasher.card.listing import load_list, make_card

    if wish.list_path is None:
        return (make_card(common),)
    specs = load_list(wish.list_path, common)
    if not wish.names:
        return specs
    known = {spec.name: spec for spec in specs}
    if missing := [name for name in wish.names if name not in known]:
        raise click.UsageError(f"{wish.list_path} has no card {missing[0]!r}")
    return tuple(known[name] for name in wish.names)


def _common(wish: Given) -> dict[str, object]:
    """Return what the options say of every card, named like the columns of a list."""
    values = {
        "hostname": wish.hostname,
        "address": wish.address,
        "gateway": wish.gateway,
        "nameservers": wish.nameservers,
        "config": str(wish.config.resolve()) if wish.config else None,
        "patch": [str(path.resolve()) for path in wish.patch],
        "files": wish.files,
        "asset_tag": wish.asset_tag,
    }
    return {name: value for name, value in values.items() if value}


def _watch(wish: Given, options: "FlashOptions", specs: "Sequence[CardSpec]") -> None:
    from edge.cli.commands.flash_watch import run_watch

    with narrate(as_lines=wish.output == "jsonl") as listener:
        image = _image(wish, listener)
    code = run_watch(
        image,
        options,
        cards=specs if wish.list_path else (),
        alike=specs[0] if specs and not wish.list_path else None,
        count=wish.count,
        ports=wish.ports,
        already_in=wish.already_in,
        again=wish.again,
        labels=wish.labels,
        yes=wish.yes,
        dry_run=wish.dry_run,
        output=wish.output,
    )
    click.get_current_context().exit(code)


def _plan(wish: Given, options: "FlashOptions", specs: "Sequence[CardSpec]") -> "list[FlashPlan]":
    from flasher.device import inspect
    from flasher.plan import check_device, prepare
    from flasher.write import rehearse

    devices = [inspect(target) for target in wish.targets]
    if len({device.path for device in devices}) < len(devices):
        raise click.UsageError("a card is named twice by --to")
    for device in devices:  # before minutes are spent on an image
        check_device(device, options)
    chosen = _assign(wish, specs)
    with narrate(as_lines=wish.output == "jsonl") as listener:
        image = _image(wish, listener)
    plans = [
        prepare(image, target, options, card=card)
        for target, card in zip(wish.targets, chosen, strict=True)
    ]
    if specs:
        rehearse(plans)  # before anybody is asked
    return plans


def _assign(wish: Given, specs: "Sequence[CardSpec]") -> "Sequence[CardSpec | None]":
    if not specs:
        return [None] * len(wish.targets)
    if wish.list_path is None:
        return list(specs) * len(wish.targets)
    if len(specs) != len(wish.targets):
        raise click.UsageError(
            f"{wish.list_path} has {len(specs)} cards for {len(wish.targets)} of --to:"
            " choose some with --card, or use --watch"
        )
    return specs


def _image(wish: Given, listener: "Listener") -> "Image":
    from flasher.plan import read_image
    from flasher.source import Verification

    if wish.source is not None:
        verification = Verification(
            sha256=wish.sha256 or "",
            checksums=wish.checksums or "",
            signature=wish.signature or "",
            public_key=wish.public_key or "",
        )
        return read_image(wish.source, verification, bmap=wish.bmap, listener=listener)
    from boards.catalog import load_profile
    from flasher.stock import stock_image

    built = stock_image(load_profile(wish.board or ""), listener=listener)
    return read_image(built, listener=listener)


def _flash(wish: Given, plans: "Sequence[FlashPlan]") -> "list[FlashReport | EdgeError]":
    from flasher.record import card_records
    from flasher.write import flash, flash_cards

    records = card_records()
    with narrate(as_lines=wish.output == "jsonl") as listener:
        if len(plans) == 1:
            return [flash(plans[0], records=records, listener=listener)]
        return flash_cards(plans, records=records, listener=listener)


def _finish(
    wish: Given, plans: "Sequence[FlashPlan]", results: "Sequence[FlashReport | EdgeError]"
) -> None:
    """Print what came of it.

    Raises:
        FlashError: naming the cards that failed.
    """
    from edge.cli.commands.flash_table import print_reports
    from edge.errors import EdgeError, FlashError

    print_reports(plans, results, wish.output)
    failed = [
        str(plan.device.path)
        for plan, result in zip(plans, results, strict=True)
        if isinstance(result, EdgeError)
    ]
    if failed:
        raise FlashError(
            f"{len(failed)} of {len(plans)} cards failed: {', '.join(failed)}",
            hint="the others are finished; flash those again, or go on with --resume",
        )
