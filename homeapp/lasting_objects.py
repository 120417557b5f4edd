"""What is there once the hub has started stays: the garbage collector need not look through it again and again.

A full collection stops everything, the fuse guard too: about 50 ms of a small computer's time for what the hub's own
modules have made, and as good as nothing once they are left out.
"""

import gc


def leave_out_of_collections() -> None:
    """Spare all that exists now from collections to come; what is garbage already goes first.

    Also what was spared before and is garbage now, where a hub has taken another one's place.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()
