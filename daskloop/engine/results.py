"""Import path of Prefect Core; the results live in `daskloop.results`."""

from daskloop.results.file_result import FileResult, LocalResult

__all__ = ["FileResult", "LocalResult"]
