# SPDX-License-Identifier: Apache-2.0
"""Board profiles: one YAML file a board, a strict model, a catalogue and detection."""
