"""A value that is given when the flow is run."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from daskloop.define.fitting import checked_type, fit
from daskloop.define.misfit import Misfit
from daskloop.define.names import checked_name
from daskloop.define.scope import current_graph
from daskloop.define.task import Task

if TYPE_CHECKING:
    from daskloop.define.graph import TaskGraph

__all__ = ["REQUIRED", "Parameter"]

SomeParameter = TypeVar("SomeParameter", bound="Parameter")


class _Required:
    """Stands for a default that was not given; None is a default like any other."""

    def __repr__(self) -> str:
        return "<required>"

    def __reduce__(self) -> str:
        return "REQUIRED"  # Stays one object through pickles and copies.


REQUIRED = _Required()


class Parameter(Task):
    """A task without inputs whose result is a value given to ``flow.run``.

    Parameters
    ----------
    name : str
        Name of the value in ``flow.run(name=...)``.
    default : Any, optional
        The value if none is given; copied deeply for each run.
    required : bool, optional
        Whether a value must be given; by default only if there is no `default`.
    tags : collection of str, optional
        Labels.
    secret : bool, default False
        Never write the value to a journal; a run that is resumed has to be given it again.
    type : type or typing form, optional
        What the value is to be: ``int``, ``list[float]``, ``Optional[str]``, an enum, a dataclass,
        a pydantic model and the like. A value is made one if nothing is lost by that, otherwise
        refused before anything runs. None is taken as well if it is the default.

    Examples
    --------
    >>> Parameter("rate", default=0.1).required
    False
    >>> Parameter("count", type=int).accept("3")
    3
    """

    def __init__(
        self,
        name: str,
        default: Any = REQUIRED,
        required: bool | None = None,
        tags: Collection[str] | None = None,
        secret: bool = False,
        type: Any = None,
    ) -> None:
        super().__init__(name=checked_name(name, "Parameter name"), tags=tags)
        if not isinstance(secret, bool):
            raise TypeError(f"Parameter '{name}': secret={secret!r}: give True or False")
        self.secret = secret
        if required is not None and not isinstance(required, bool):
            raise TypeError(f"Parameter '{name}': required={required!r}: give True or False")
        if default is REQUIRED and required is False:
            # As in Prefect Core: not required and without a default means None.
            default = None
        self.type = None if type is None else checked_type(type, f"Parameter '{name}'")
        self.default = default
        self.default = self._checked_default()
        self.required = default is REQUIRED if required is None else required
        graph = current_graph.get()
        if graph is not None:
            graph.add_task(self)

    def accept(self, value: Any) -> Any:
        """Return a value as the type that is wanted.

        Raises
        ------
        Misfit
            If it is of another type, and something would be lost by making it of this one.
        """
        if self.type is None or (value is None and self.default is None):
            return value
        return fit(value, self.type)

    def _checked_default(self) -> Any:
        if self.default is REQUIRED:
            return REQUIRED
        try:
            return self.accept(self.default)
        except Misfit as misfit:
            said = misfit.said(self.secret)
        raise ValueError(
            f"Parameter '{self.name}': its default does not fit its type: {said}. Change one "
            "of them"
        )

    def __call__(
        self,
        /,
        *args: Any,
        mapped: bool = False,
        task_args: Mapping[str, Any] | None = None,
        upstream_tasks: Sequence[Any] | None = None,
        flow: TaskGraph | None = None,
        **kwargs: Any,
    ) -> Parameter:
        """Add this parameter to the flow; a parameter has no inputs and is never copied."""
        if args or kwargs or upstream_tasks or task_args or mapped:
            raise TypeError(
                f"Parameter '{self.name}' has no inputs; its value is given to "
                f"flow.run({self.name}=...)"
            )
        self._open_graph(flow, "used").add_task(self)
        return self

    def copy(self: SomeParameter, **task_args: Any) -> SomeParameter:
        """Return this parameter itself: one name is one value."""
        if task_args:
            raise TypeError(
                f"Parameter '{self.name}' cannot be changed by task_args; make another Parameter"
            )
        return self

    def run(self) -> Any:
        """Refuse: the value comes from the run."""
        raise NotImplementedError(
            f"Parameter '{self.name}' has its value from flow.run({self.name}=...)"
        )
