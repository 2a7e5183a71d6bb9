"""Something that threads of this process can wait for, for flows whose functions travel."""

from __future__ import annotations

import threading

__all__ = ["gate"]

gate = threading.Event()
