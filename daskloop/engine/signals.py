"""Import path of Prefect Core; the signals live in `daskloop.signals`."""

from daskloop.signals import FAIL, LOOP, PAUSE, RETRY, SKIP, SUCCESS, TRIGGERFAIL, Signal

__all__ = ["FAIL", "LOOP", "PAUSE", "RETRY", "SKIP", "SUCCESS", "TRIGGERFAIL", "Signal"]
