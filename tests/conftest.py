# SPDX-License-Identifier: Apache-2.0
"""What holds for every test: ctrl-C works, however the suite was started."""

import signal

# A suite started in the background ignores SIGINT, and so would every process that tests start
# and then interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
