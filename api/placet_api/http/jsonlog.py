"""The operator's log: a JSON object a line on standard error. It is telemetry; the decision log is the record."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime


class JsonLines(logging.Formatter):
    """One object a line: time, level, logger, message, what `extra={"placet": {...}}` adds, and a traceback.

    With several workers each says its number.
    """

    def __init__(self, worker: int | None = None) -> None:
        super().__init__()
        self._who = {} if worker is None else {"worker": worker}

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        told = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **self._who,
            **getattr(record, "placet", {}),
        }
        if record.exc_info:
            told["trace"] = self.formatException(record.exc_info)
        return json.dumps(told, ensure_ascii=False, default=str)


def write_json_lines(worker: int | None = None) -> None:
    """Send what Placet and uvicorn say to standard error, as JSON lines; as this worker of several."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines(worker))
    for name, level in (
        ("placet", logging.INFO),
        ("placet_engine", logging.INFO),
        ("uvicorn.error", logging.WARNING),
    ):
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.setLevel(level)
        logger.propagate = False
