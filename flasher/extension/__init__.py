# SPDX-License-Identifier: Apache-2.0
"""System extensions: named sets of packages, modules, firmware and files for the root.

`catalog` has ours and reads the user's, `compose` fetches and checks them and lays them over the
root of an image. What none of them may bring is in `rule`.
"""
