"""Asking Prometheus, off the loop: prometheus-api-client is synchronous, so it has threads of its own here.

It says less than its server did. What it leaves out is put back around it: errors are text there, and warnings are dropped, so a hook
reads each answer first; it tries again by itself, which is the caller's to decide; a range is rounded to whole seconds, unless the
exact ones are given beside it; its time-out is between two bytes, so another one covers the whole; and an answer has any size.

https://prometheus.io/docs/prometheus/latest/querying/api/
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import requests
import urllib3
from prometheus_api_client import PrometheusConnect
from urllib3.util import Retry

from tidegate.plan.samples import Fault, Measurement, Series

AT_ONCE: Final = 8
"""Questions under way at a time; more wait for a thread."""
MOST_SERIES: Final = 1000
MOST_BYTES: Final = 16 << 20
"""Of an answer. Who may write a query for a gate must not be able to take the operator's memory."""
LONGEST: Final = 300
"""Characters of what a server says that are told."""

Ask = Callable[[PrometheusConnect, dict[str, Any]], list[Any]]


@dataclass(frozen=True)
class Access:
    """Where Prometheus is, and what it is shown."""

    url: str
    """What comes before `/api/v1`."""
    token_file: str = ""
    """Holds a bearer token; read for each question, because tokens are replaced."""
    ca_file: str = ""
    """Certificate authorities in PEM; empty: those that requests brings along."""
    timeout: float = 10.0
    """Seconds for one question, the wait for a thread included."""


class NoAnswer(Exception):
    """Why there is none: whose fault, and in words."""

    def __init__(self, fault: Fault, words: str) -> None:
        super().__init__(words)
        self.fault = fault


class Prometheus:
    """One server. Its methods never raise: what goes wrong is told in the Measurement.

    what came back                                             fault
    --------------------------------------------------------   -----------
    a file of the access cannot be read                        setup
    no connection, a certificate that is not trusted           unreachable
    nothing within the time-out                                unreachable
    401, 403                                                   refused
    a redirection, 404, or something else than its JSON        stranger
    a query that cannot be parsed or executed                  query
    more series than 1,000, or more than 16 MiB                query
    429, 5xx, or another error of its own                      unreachable
    series, a scalar                                           none
    """

    def __init__(self, access: Access) -> None:
        self.access = access
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="prometheus")

    async def query(self, promql: str, at: float | None = None) -> Measurement:
        """The value of each series at a Unix time, by default now. `metric[5m]` gives what was scraped, as it was."""
        moment = {} if at is None else {"time": at}
        return await self._asked(lambda client, more: client.custom_query(promql, params=moment | more))

    async def query_range(self, promql: str, start: float, end: float, step: float) -> Measurement:
        """The values at `start`, `start + step` and so on up to `end`: Unix times and seconds, to the millisecond. Each is the newest
        that was scraped within the five minutes before."""
        exact = {"start": start, "end": end}
        begin, finish = (datetime.fromtimestamp(moment, UTC) for moment in (start, end))
        return await self._asked(
            lambda client, more: client.custom_query_range(promql, begin, finish, str(step), params=exact | more)
        )

    def close(self) -> None:
        """Nothing may be asked any more; a thread that still waits for an answer ends with its time-out."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _asked(self, ask: Ask) -> Measurement:
        access = self.access
        try:
            async with asyncio.timeout(access.timeout):
                return await asyncio.get_running_loop().run_in_executor(self._threads, _answer, access, ask)
        except TimeoutError:
            words = f"did not answer within {access.timeout:g} s"
            return Measurement(fault="unreachable", error=f"Prometheus at {access.url} {words}")
        except NoAnswer as none:
            return Measurement(fault=none.fault, error=f"Prometheus at {access.url} {none}")


def _answer(access: Access, ask: Ask) -> Measurement:
    """In a thread. A session for each question: what it reads of files is never old, and nothing is shared."""
    warned: list[str] = []
    limits = {"timeout": f"{access.timeout:g}s", "limit": MOST_SERIES + 1}
    with _client(access, warned) as client:
        try:
            return Measurement(_series(ask(client, limits)), tuple(warned))
        except (requests.Timeout, urllib3.exceptions.TimeoutError) as error:
            raise TimeoutError from error
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            raise NoAnswer("unreachable", f"cannot be reached: {_reason(error)}") from error


def _client(access: Access, warned: list[str]) -> PrometheusConnect:
    session = requests.Session()
    session.trust_env = False  # no proxy, no .netrc: what the access says is all
    session.verify = access.ca_file or True
    session.hooks["response"].append(partial(_examine, warned))
    headers = {"Authorization": f"Bearer {_token(access.token_file)}"} if access.token_file else None
    if access.ca_file:
        _check(access.ca_file)
    return PrometheusConnect(access.url, headers, session=session, retry=Retry(0), timeout=access.timeout)


def _readable(file: str) -> str:
    try:
        return Path(file).read_text()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise NoAnswer("setup", f"is not asked: {file} cannot be read: {reason}") from error


def _check(ca_file: str) -> None:
    """What requests would say of such a file is nothing that helps."""
    try:
        ssl.create_default_context(cadata=_readable(ca_file))
    except (ssl.SSLError, ValueError) as error:
        raise NoAnswer("setup", f"is not asked: {ca_file} holds no certificate") from error


def _token(file: str) -> str:
    token = _readable(file).strip()
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise NoAnswer("setup", f"is not asked: {file} holds no token")
    return token


def _examine(warned: list[str], answer: requests.Response, **_: object) -> None:
    """The hook: raises NoAnswer for whatever is no answer, and keeps the warnings."""
    status, said = answer.status_code, _read(answer)
    title = f"{status} {HTTPStatus(status).phrase}" if status in set(HTTPStatus) else str(status)
    if status in (401, 403):
        raise NoAnswer("refused", f"refuses us ({title}); give it a token that it takes (prometheus.bearerTokenFile)")
    if said.get("status") == "error":
        _complain(str(said.get("errorType")), str(said.get("error"))[:LONGEST])
    if status == 429 or status >= 500:
        raise NoAnswer("unreachable", f"is not ready to answer ({title})")
    data = said.get("data")
    if status != 200 or not isinstance(data, dict) or not isinstance(data.get("result"), list):
        raise NoAnswer("stranger", f"is no Prometheus: what is there answers {title}; correct prometheus.url")
    warned += map(str, said.get("warnings") or [])


def _read(answer: requests.Response) -> dict[str, Any]:
    """The answer's JSON; empty when it is no object."""
    with answer:
        body = answer.raw.read(MOST_BYTES + 1, decode_content=True)
    if len(body) > MOST_BYTES:
        raise NoAnswer("query", f"gives more than {MOST_BYTES >> 20} MiB to this query; let it select less, or sum up")
    answer._content = body  # what requests itself would read after its hooks
    try:
        said = json.loads(body)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _complain(kind: str, words: str) -> None:
    if kind in ("bad_data", "execution"):
        raise NoAnswer("query", f"cannot answer this query: {words}")
    raise NoAnswer("unreachable", f"fails to answer: {words}")


def _series(result: list[Any]) -> tuple[Series, ...]:
    """Of a matrix, a vector or a scalar."""
    if len(result) > MOST_SERIES:
        raise NoAnswer("query", f"gives more than {MOST_SERIES:,} series to this query; let it select less, or sum up")
    if result and not isinstance(result[0], dict):
        result = [{"metric": {}, "value": result}]
    try:
        return tuple(Series(each["metric"], _points(each)) for each in result)
    except (KeyError, TypeError, ValueError) as error:
        raise NoAnswer("query", "gives no numbers to this query, but text or native histograms") from error


def _points(each: dict[str, Any]) -> tuple[tuple[float, float], ...]:
    return tuple((float(at), float(value)) for at, value in each.get("values") or [each["value"]])


def _reason(error: BaseException) -> str:
    """What the operating system or TLS said, at the bottom of the chain; nothing that holds a header."""
    while cause := error.__cause__ or error.__context__:
        error = cause
    said = getattr(error, "verify_message", None) or getattr(error, "strerror", None)
    return str(said or type(error).__name__)
