# SPDX-License-Identifier: Apache-2.0
"""Where PID 1 of a board begins: makes the startup file known, and goes on as `edge.node.init`."""

from edge.node.boot.startup import use_startup


def main() -> None:
    """Run the machine until it restarts or goes off."""
    use_startup()
    from edge.node.init import main as run

    run()


if __name__ == "__main__":
    main()
