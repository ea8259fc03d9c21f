"""Work on a Ray cluster: as `pool.Engine`, with the same results in the same order."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

from comma_data.errors import MissingPackageError
from comma_data.pool import AHEAD, CHUNK

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, kw_only=True)
class OnRay:
    """Works on a Ray cluster whose nodes see the same folders as this one.

    A worker that dies takes only the items that it held; they are tried again one by one.
    """

    workers: int
    """CPUs of a cluster that is started here; of any, four times as many tasks are handed out at a time."""
    address: str | None = None
    """Of a running cluster, e.g. `auto`; None starts one on this machine for the time of the call."""

    def map(
        self,
        function: Callable[[Item], Result],
        items: Iterable[Item],
        *,
        on_death: Callable[[Item], Result],
        size: int = CHUNK,
    ) -> Iterator[Result]:
        """As `Engine.map`.

        Raises:
            MissingPackageError: Ray is not installed.
        """
        ray = _ray()
        ours = not ray.is_initialized()
        if ours:
            where = {"address": self.address} if self.address else {"num_cpus": self.workers}
            ray.init(include_dashboard=False, log_to_driver=False, configure_logging=False, **where)
        try:
            yield from _mapped(ray, self.workers, function, items, on_death, size)
        finally:
            if ours:
                ray.shutdown()


def _ray() -> Any:
    try:
        import ray  # noqa: PLC0415 - an extra
    except ImportError as error:
        message = "the engine `ray` needs Ray: pip install 'comma-data[ray]'"
        raise MissingPackageError(message) from error
    return ray


def _mapped(  # noqa: PLR0913, PLR0917 - what `map` was given
    ray: Any,
    workers: int,
    function: Callable[[Item], Result],
    items: Iterable[Item],
    on_death: Callable[[Item], Result],
    size: int,
) -> Iterator[Result]:
    task = ray.remote(max_retries=0, num_cpus=1)(_each)
    remaining = iter(items)
    pending: deque[tuple[list[Item], Any]] = deque()

    def results() -> list[Result]:
        chunk, reference = pending.popleft()
        try:
            return ray.get(reference)
        except ray.exceptions.RayTaskError as error:
            raise error.cause from error
        except ray.exceptions.RayError:
            return [_alone(ray, task, function, item, on_death) for item in chunk]

    for chunk in iter(lambda: list(islice(remaining, size)), []):
        pending.append((chunk, task.remote(function, chunk)))
        if len(pending) >= AHEAD * workers:
            yield from results()
    while pending:
        yield from results()


def _alone(
    ray: Any, task: Any, function: Callable[[Item], Result], item: Item, on_death: Callable[[Item], Result]
) -> Result:
    try:
        return ray.get(task.remote(function, [item]))[0]
    except ray.exceptions.RayTaskError as error:
        raise error.cause from error
    except ray.exceptions.RayError:
        return on_death(item)


def _each(function: Callable[[Item], Result], chunk: list[Item]) -> list[Result]:
    return [function(item) for item in chunk]
