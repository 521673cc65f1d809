"""How often Python looks for garbage in a process that serves many."""

from __future__ import annotations

import gc

BETWEEN = 20_000  # objects made and not freed, from one look to the next


def look_less() -> None:
    """Call it once after the start, in a process without a window (which has its own way).

    What is there by now stays for good and is not looked at again: with 32 answers at a time, looking for
    garbage took 14 % of the time, and each look at everything held all of them up for 30 to 70 ms.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(BETWEEN, 10, 20)
