"""How a child learns that its supervisor is gone, whatever killed it."""

from __future__ import annotations

import os
import signal
import threading
import time

GRACE_SECONDS = 10


def hold(descriptor: int) -> None:
    """End this process group once the other end of the pipe is closed.

    The supervisor alone holds that end, and the system closes it with the process: this also works
    after `kill -9`, and on every Unix.
    """

    def wait() -> None:
        while os.read(descriptor, 1):
            pass
        os.killpg(0, signal.SIGTERM)
        time.sleep(GRACE_SECONDS)
        os.killpg(0, signal.SIGKILL)

    os.set_inheritable(descriptor, False)
    threading.Thread(target=wait, name="lifeline", daemon=True).start()
