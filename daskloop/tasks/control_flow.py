"""Import path of Prefect Core; what decides between branches lives in `daskloop.define`."""

from daskloop.define.control_flow import CompareValue, Merge, case, ifelse, merge, switch
from daskloop.define.filter_task import FilterTask

__all__ = ["CompareValue", "FilterTask", "Merge", "case", "ifelse", "merge", "switch"]
