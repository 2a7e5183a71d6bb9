"""Import path of Prefect Core; the signals live in `daskloop.signals`."""

from daskloop.signals import FAIL, LOOP, RETRY, SKIP, SUCCESS, TRIGGERFAIL, Signal

__all__ = ["FAIL", "LOOP", "RETRY", "SKIP", "SUCCESS", "TRIGGERFAIL", "Signal"]
