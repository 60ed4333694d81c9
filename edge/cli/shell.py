# SPDX-License-Identifier: Apache-2.0
"""Completion in bash for words with `=` and `:` in them, such as labels and addresses.

Bash splits at these characters before it asks, and puts the answer behind the last of them. So
the words are taken from the whole line, and of an answer only what comes behind is given back.
"""

import os
import re

from click.shell_completion import (
    BashComplete,
    CompletionItem,
    add_completion_class,
    split_arg_string,
)

_SOURCE = """\
%(complete_func)s() {
    local IFS=$'\\n'
    local response
    response=$(env EDGECTL_LINE="${COMP_LINE:0:COMP_POINT}" EDGECTL_BREAKS="$COMP_WORDBREAKS" \\
        %(complete_var)s=bash_complete $1)
    for completion in $response; do
        IFS=',' read type value <<< "$completion"
        if [[ $type == 'dir' ]]; then
            COMPREPLY=()
            compopt -o dirnames
        elif [[ $type == 'file' ]]; then
            COMPREPLY=()
            compopt -o default
        elif [[ $type == 'plain' ]]; then
            COMPREPLY+=($value)
        fi
    done
    return 0
}
complete -o nosort -F %(complete_func)s %(prog_name)s
"""


class LineComplete(BashComplete):
    """Bash's completion by the line that was typed."""

    source_template = _SOURCE

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the words before the one at the cursor, and that one."""
        line = os.environ.get("EDGECTL_LINE", "")
        words: list[str] = split_arg_string(line)
        incomplete = words.pop() if words and not line[-1:].isspace() else ""
        return words[1:], incomplete

    def format_completion(self, item: CompletionItem) -> str:
        """Return one answer without what bash takes for earlier words."""
        _, typed = self.get_completion_args()
        known = os.environ.get("EDGECTL_BREAKS", "")
        breaks = "".join(each for each in "=:" if each in known)
        kept = re.search(f".*[{breaks}]", typed) if breaks else None
        value = item.value.removeprefix(kept[0]) if kept else item.value
        return f"{item.type},{value}"

    @staticmethod
    def _check_version() -> None:
        """Take the shell's word: asking for its version costs a process at every press."""


def use_bash_lines() -> None:
    """Have click complete bash this way."""
    add_completion_class(LineComplete)
