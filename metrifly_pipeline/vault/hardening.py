"""What keeps opened secrets from reaching the disk by way of the operating system."""

import ctypes
import resource
import sys

_PR_SET_DUMPABLE = 4  # linux/prctl.h


def keep_out_of_core_dumps() -> None:
    """Let this process leave no core dump and, on Linux, let no other process of the same user look into its memory."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
