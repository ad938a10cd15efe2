"""What a workbench does with a model that is an object in this process: it is run here, and what it gave is kept."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any

from backend.bench.vectorcalls import VectorCalls
from backend.errors import InvalidRequest, ServiceError
from backend.jobs.client import ClientExecutor
from backend.jobs.inline import InlineExecutor
from backend.metrics import metric
from backend.values.activations import Report
from backend.values.models import OBJECT_PREFIX, ModelInfo
from backend.values.specs import AnalysisSpec
from backend.work.modelhost import ModelHost
from backend.work.runner import Runner

Named = str | ModelInfo


class ObjectCalls(VectorCalls):
    """The calls with modules in the place of names."""

    @contextmanager
    def lending(
        self,
        models: Sequence[Any],  # names and modules: torch's classes are none of this package's
        tokenizer: Any,  # nor are transformers'
        metric_name: str,
    ) -> Iterator[list[Named]]:
        """``models``, names and objects, as what ``compute`` takes; the objects can be run until the end.

        ``tokenizer`` is that of all of them, or a list with one for each object. They are in evaluation mode meanwhile.
        """
        objects = [one for one in models if not isinstance(one, Named)]
        if not objects:
            yield list(models)
            return
        several = isinstance(tokenizer, list | tuple)
        if several and len(tokenizer) != len(objects):
            raise InvalidRequest(
                f"There are {len(objects)} objects and {len(tokenizer)} tokenizers.", "Give one, or one for each."
            )
        tokenizers = iter(tokenizer if several else [tokenizer] * len(objects))
        host = self._host_of_objects(metric_name)
        from backend.models.objects import borrowed

        with ExitStack() as stack:
            found: list[Named] = []
            for one in models:
                if isinstance(one, Named):
                    found.append(one)
                    continue
                loaded = stack.enter_context(borrowed(one, next(tokenizers)))
                if not isinstance(self._executor, InlineExecutor):  # the service cannot look at its head
                    loaded = replace(loaded, info=replace(loaded.info, has_head=False, labels=()))
                found.append(stack.enter_context(host.lend(loaded)))
            yield found

    def _host_of_objects(self, metric_name: str) -> ModelHost:
        """Where objects are lent to: the models of who does the work, or, before a service, models of this process."""
        if isinstance(self._executor, InlineExecutor):
            return self._executor.models
        if not isinstance(self._executor, ClientExecutor) or not self._executor.shares_store():
            raise ServiceError(
                "The object is in this process, and the service keeps its activations in another cache folder.",
                "Set EMBEDSCOPE_CACHE to the service's folder, or leave EMBEDSCOPE_BACKEND empty: then all is computed here.",
            )
        if metric(metric_name).network:
            raise ServiceError(
                f"'{metric_name}' runs the network again, and the object is in this process, not in the service's.",
                "Leave EMBEDSCOPE_BACKEND empty: then all is computed here.",
            )
        return self._own_host()

    def _own_host(self) -> ModelHost:
        if self._objects is None:
            self._objects = ModelHost(self._store, self.settings, None)
        return self._objects

    def fill_objects(self, spec: AnalysisSpec, report: Report) -> None:
        """Before a service: bring the activations of the objects in ``spec`` into the shared store; else nothing is to do."""
        if isinstance(self._executor, InlineExecutor):
            return
        mine = tuple(item for item in spec.inputs if item.model.name.startswith(OBJECT_PREFIX))
        if mine:
            runner = Runner(self._store, self._library, self._own_host(), self._codec, self.settings)
            runner.bring(mine, report)
