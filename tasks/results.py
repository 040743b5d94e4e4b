"""Where Celery keeps the results of single commands, for those who ask through Celery."""

from collections.abc import Mapping
from typing import Any

import structlog
from celery.backends.base import BaseKeyValueStoreBackend
from celery.backends.redis import RedisBackend
from celery.states import FAILURE, SUCCESS

log = structlog.get_logger()


class ResultStore(RedisBackend):
    """Lets a result go that Redis does not take.

    Celery's own tries twenty times while the commands behind wait, and then calls the task failed, although its command
    has taken effect. The outcome is in the inbox, where the same command, sent again, finds it.
    """

    retry_policy = BaseKeyValueStoreBackend.retry_policy | {"max_retries": 1}  # for a connection that had gone stale

    def store_result(self, task_id: str, result: Any, state: str, *args: Any, **more: Any) -> Any:
        try:
            return super().store_result(task_id, result, state, *args, **more)
        except self.connection_errors as error:
            log.warning("result_not_stored", task_id=task_id, error=repr(error))
            return result

    def store_results(self, results: Mapping[str, Any]) -> None:
        """Store the results of several tasks by their ids, an exception as the failure of its task, in one exchange
        with Redis."""
        try:
            with self.client.pipeline(transaction=False) as pipeline:
                for task_id, result in results.items():
                    key, meta = self.get_key_for_task(task_id), self.encode(self._meta(task_id, result))
                    pipeline.setex(key, self.expires, meta).publish(key, meta)
                pipeline.execute()
        except self.connection_errors as error:
            log.warning("results_not_stored", count=len(results), error=repr(error))

    def _meta(self, task_id: str, result: Any) -> dict[str, Any]:
        state = FAILURE if isinstance(result, Exception) else SUCCESS
        return {**self._get_result_meta(self.encode_result(result, state), state, None, None), "task_id": task_id}
