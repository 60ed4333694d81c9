# SPDX-License-Identifier: Apache-2.0
"""What holds for every test: ctrl-C and hanging up work, however the suite was started."""

import signal

# A suite started in the background, or under nohup, ignores these, and so would every process
# that tests start and then stop by them.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
