# SPDX-License-Identifier: Apache-2.0
"""Who may change a node that nobody configured yet: whoever flashed its card, if that is known."""

from edge.errors import TrustError
from edge.meta.enrolment import METADATA_KEY, is_proof
from edge.node.api.guard import Context
from edge.node.machine import Machine


def check_enrolment(machine: Machine, context: Context) -> None:
    """Have a call that changes the machine proved in maintenance mode, where the card is enrolled.

    Raises:
        TrustError: when the caller does not prove that he flashed it.
    """
    enrolment = machine.enrolment
    if enrolment is None or not machine.in_maintenance:
        return
    metadata = dict(context.invocation_metadata() or ())
    given = metadata.get(METADATA_KEY, "")
    if not is_proof(given, enrolment.secret, machine.key_digest):
        raise TrustError(
            "before it is configured this node is changed only by whoever flashed its card"
            f" (enrolment {enrolment.id})"
        )
