# SPDX-License-Identifier: Apache-2.0
"""What a card carries beyond its image, made before anything is touched."""

from datetime import UTC, datetime
from ipaddress import ip_address, ip_interface
from itertools import pairwise

import pytest

from edge.config.metal import FIRST_LINK, parse_metal
from edge.errors import ImageError
from edge.meta import keys
from edge.meta.adv import BLOCK_BYTES, parse_store
from edge.meta.enrolment import Enrolment
from flasher.card import CardNetwork, CardRenderer, CardSpec, GivenEnrolment, render_card
from flasher.card.render import RenderedCard
from tests.fakes.boot_image import META_AT, Kind
from tests.unit.flasher.card.conftest import MakeImage

NOW = datetime(2026, 5, 1, 10, 20, 30, tzinfo=UTC)
NETWORK = CardNetwork(
    addresses=(ip_interface("10.0.0.5/24"),),
    gateway=ip_address("10.0.0.1"),
    nameservers=(ip_address("10.0.0.2"),),
)


def _meta(card: RenderedCard) -> dict[int, bytes]:
    return parse_store(card.patches[-1].data)


@pytest.mark.parametrize("kind", ["gpt", "mbr"])
def test_name_and_network_go_to_meta(make_image: MakeImage, kind: Kind) -> None:
    """In the form that the node acts on; the link is the board's first."""
    image = make_image(kind)
    card = render_card(image, CardSpec(hostname="n1.lab", network=NETWORK), now=NOW)
    assert card.patches[-1].offset == META_AT
    network = parse_metal(_meta(card)[keys.METAL_NETWORK])
    assert network.hostname == "n1.lab"
    assert (network.interfaces[0].selector, network.interfaces[0].dhcp) == (FIRST_LINK, False)
    assert network.interfaces[0].addresses == NETWORK.addresses
    assert network.interfaces[0].routes[0].gateway == NETWORK.gateway
    assert network.nameservers == NETWORK.nameservers


def test_named_link_with_dhcp_goes_to_meta(make_image: MakeImage) -> None:
    """Asking for a lease on one link alone."""
    spec = CardSpec(network=CardNetwork(interface="end0", dhcp=True))
    card = render_card(make_image(), spec, now=NOW)
    (link,) = parse_metal(_meta(card)[keys.METAL_NETWORK]).interfaces
    assert (link.name, link.dhcp, link.addresses) == ("end0", True, ())


def test_configuration_goes_to_meta_alone(make_image: MakeImage) -> None:
    """Name and network are part of it; a second copy would outlive a change of it."""
    spec = CardSpec(hostname="n1", network=NETWORK, configuration=b"version: v1alpha1\n")
    card = render_card(make_image(), spec, now=NOW, meta={keys.UUID_OVERRIDE: b"u"})
    values = _meta(card)
    assert values[keys.MACHINE_CONFIG] == spec.configuration
    assert keys.METAL_NETWORK not in values
    assert values[keys.UUID_OVERRIDE] == b"u"
    assert b"v1alpha1" not in repr(card).encode()


def test_given_enrolment_is_used(make_image: MakeImage) -> None:
    """Such as one that was made on a signing host, and whose secret it keeps."""
    given = GivenEnrolment(id="0123456789abcdef", secret=bytes(range(32)))
    card = render_card(make_image(), CardSpec(enrolment=given), now=NOW)
    assert card.personality is not None
    found = Enrolment.from_json(_meta(card)[keys.ENROLMENT])
    assert found == card.personality.enrolment
    assert (found.id, found.secret) == (given.id, given.secret)


@pytest.mark.parametrize(("spec", "enrol"), [(CardSpec(enrol=False), True), (CardSpec(), False)])
def test_card_or_run_may_go_without_enrolment(
    make_image: MakeImage, spec: CardSpec, enrol: bool
) -> None:
    """Whoever says no counts."""
    card = render_card(make_image(), spec, now=NOW, enrol=enrol)
    assert set(_meta(card)) == {keys.NODE_KEY}


@pytest.mark.parametrize(
    ("spec", "wanted"),
    [
        (CardSpec(configuration=b"x"), "a machine configuration"),
        (CardSpec(hostname="n"), "a host name"),
        (CardSpec(network=NETWORK), "a network"),
        (CardSpec(meta={1: b""}), "META values"),
    ],
)
def test_image_without_meta_cannot_take_what_needs_it(
    make_image: MakeImage, spec: CardSpec, wanted: str
) -> None:
    """Better no card than one that is not what was asked for."""
    with pytest.raises(ImageError, match=f"no META partition.*{wanted}") as caught:
        render_card(make_image(has_meta=False), spec, now=NOW)
    assert "boot partition" in str(caught.value.hint)


def test_image_without_meta_can_be_written_and_take_files(make_image: MakeImage) -> None:
    """Images of others are written as they are, or with their own configuration files."""
    image = make_image(has_meta=False)
    with CardRenderer(image) as renderer:
        assert renderer.render(now=NOW).patches == ()
        card = renderer.render(CardSpec(files={"user-data": b"#cloud-config\n"}), now=NOW)
    assert card.personality is None
    assert card.patches


def test_too_large_a_configuration_is_refused(make_image: MakeImage) -> None:
    """META has a fixed size."""
    with pytest.raises(ImageError, match="do not fit"):
        render_card(make_image(), CardSpec(configuration=b"x" * BLOCK_BYTES), now=NOW)


def test_patches_are_in_the_order_of_the_medium(make_image: MakeImage) -> None:
    """None overlaps another, whatever they are for."""
    spec = CardSpec(hostname="n1", files={"a": b"x" * 70_000, "config.txt": b"y"})
    ranges = [patch.range for patch in render_card(make_image(), spec, now=NOW).patches]
    assert len(ranges) > 2
    assert all(one.end <= two.start for one, two in pairwise(ranges))
