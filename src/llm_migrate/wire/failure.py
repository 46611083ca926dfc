"""Errors in OpenAI's form, and what a vendor's failure means for the next step.

Statuses, types and codes that OpenAI's own format defines are known here; what a vendor's codes mean stands in its
provider file, whose rows are asked first.
"""

from __future__ import annotations

import fnmatch
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Final, Literal, TypeAlias, cast

import orjson

from llm_migrate.catalog.schema import ErrorRule, JsonValue
from llm_migrate.errors import WireError

Outcome: TypeAlias = Literal[
    "ok", "unsent", "limited", "quota", "region", "credential", "ambiguous", "request", "policy", "cut"
]

_MAX_MESSAGE: Final = 2000  # characters of a vendor's text that are passed on


@dataclass(frozen=True, slots=True)
class OpenAIError:
    """An error as OpenAI would say it.

    Attributes:
        status: HTTP status in OpenAI's terms.
        message: text; names the target, never an address or a key.
        type: OpenAI's type.
        param: the field that is to blame.
        code: OpenAI's code, else the vendor's own as text.
        outcome: what it means for the next step.
        retry_after_s: seconds to wait, when the vendor said so.
        extra: further fields of the vendor's error object.
    """

    status: int
    message: str
    type: str = "invalid_request_error"
    param: str | None = None
    code: str | None = None
    outcome: Outcome = "request"
    retry_after_s: float | None = None
    extra: Mapping[str, JsonValue] = field(default_factory=dict[str, JsonValue], repr=False)

    def body(self) -> bytes:
        """Return the JSON body: `{"error": {"message", "type", "param", "code", ...}}`."""
        known = {"message": self.message, "type": self.type, "param": self.param, "code": self.code}
        try:
            return orjson.dumps({"error": {**self.extra, **known}})
        except orjson.JSONEncodeError:  # nested too deeply: what OpenAI knows is enough
            return orjson.dumps({"error": known})


class RefusedError(WireError):
    """A request that is answered without asking anybody.

    Attributes:
        error: the answer.
    """

    def __init__(self, error: OpenAIError, *, provider: str = "request", path: str = "$") -> None:
        super().__init__(error.message, provider=provider, path=path)
        self.error = error


@dataclass(frozen=True, slots=True)
class VendorFailure:
    """What a vendor said went wrong, out of whatever shape it used."""

    message: str = ""
    code: str | None = None
    type: str | None = None
    param: str | None = None
    extra: Mapping[str, JsonValue] = field(default_factory=dict[str, JsonValue], repr=False)


def refuse(status: int, message: str, *, param: str | None = None, code: str | None = None) -> RefusedError:
    """Return the refusal of a request that no target can be asked."""
    return RefusedError(OpenAIError(status, message, param=param, code=code), path=f"$.{param}" if param else "$")


def judge_failure(
    rules: tuple[ErrorRule, ...],
    failure: VendorFailure,
    *,
    status: int,
    who: str,
    retry_after_s: float | None = None,
) -> OpenAIError:
    """Say in OpenAI's terms what a vendor's failure is.

    Args:
        rules: the provider's table; the first row that fits decides, then OpenAI's own codes, then the status.
        failure: what was said.
        status: HTTP status; 200 for an error inside a good answer.
        who: name of the target.
        retry_after_s: seconds to wait.
    """
    found = next((rule for rule in rules if _fits(rule, failure, status)), None)
    if found is not None:
        verdict = _Verdict(found.to_status, found.to_type, found.to_code or failure.code, found.outcome)
    else:
        verdict = _by_code(failure) or _by_status(status, failure)
    return OpenAIError(
        verdict.status,
        _sentence(failure, who, verdict.code, status),
        verdict.type,
        failure.param,
        verdict.code,
        verdict.outcome,
        retry_after_s,
        failure.extra,
    )


def find_failure(body: JsonValue) -> VendorFailure | None:
    """Return the failure that a JSON body speaks of, None if it speaks of none.

    Understands `{"error": {...}}`, `{"error": "text"}`, `{"code", "message"}`, `{"statusCode", "message"}`,
    `{"error_code", "error_msg"}`, `{"base_resp": {"status_code", "status_msg"}}` and `{"Response": {"Error": {...}}}`.
    """
    if not isinstance(body, dict):
        return None
    response = body.get("Response")
    if isinstance(response, dict) and isinstance(response.get("Error"), dict):
        return _read_failure(cast("dict[str, JsonValue]", response["Error"]))
    error = body.get("error")
    if isinstance(error, dict) and error:
        return _read_failure(error, beside=body)
    if error:
        return _read_failure({**body, "message": error if isinstance(error, str) else body.get("message")})
    base = body.get("base_resp")
    if isinstance(base, dict) and base.get("status_code"):
        return _read_failure(base)
    if "choices" in body or "data" in body:
        return None
    return _read_failure(body) if _FLAT & body.keys() else None


def read_retry_after(headers: Mapping[str, str], now_s: float) -> float | None:
    """Return the seconds that `retry-after-ms` or `retry-after` ask for, None without a sound one.

    Args:
        headers: with lower-case names.
        now_s: Unix time, for an HTTP date; the response's own `date` is preferred.
    """
    text = headers.get("retry-after-ms", "")
    seconds = _number(text)
    if seconds is not None:
        return seconds / 1000
    text = headers.get("retry-after", "")
    seconds = _number(text)
    if seconds is not None:
        return seconds
    until = _instant(text)
    if until is None:
        return None
    since = _instant(headers.get("date", ""))
    return max(0.0, until - (now_s if since is None else since))


def read_date(headers: Mapping[str, str]) -> float | None:
    """Return the Unix time that an answer says it is, None without a sound one."""
    return _instant(headers.get("date", ""))


def page_text(page: bytes) -> str:
    """Return the first words of an HTML or plain page, without tags, scripts and markup."""
    text = page[:65536].decode("utf-8", "replace")
    text = re.sub(r"(?is)<(script|style)\b.*?</\1>", " ", text)
    text = re.sub(r"<[^>]*>", " ", text)
    return " ".join(text.split())[:300]


@dataclass(frozen=True, slots=True)
class _Verdict:
    status: int
    type: str
    code: str | None
    outcome: Outcome


# Codes of OpenAI's own format, as any vendor that copies it may send them.
_CODES: Final[dict[str, _Verdict]] = {
    "insufficient_quota": _Verdict(429, "insufficient_quota", "insufficient_quota", "quota"),
    "unsupported_country_region_territory": _Verdict(
        403, "request_forbidden", "unsupported_country_region_territory", "region"
    ),
    "content_filter": _Verdict(400, "invalid_request_error", "content_filter", "policy"),
    "context_length_exceeded": _Verdict(400, "invalid_request_error", "context_length_exceeded", "request"),
    "model_not_found": _Verdict(404, "invalid_request_error", "model_not_found", "request"),
    "invalid_api_key": _Verdict(401, "invalid_request_error", "invalid_api_key", "credential"),
    "rate_limit_exceeded": _Verdict(429, "rate_limit_error", "rate_limit_exceeded", "limited"),
}
_STATUSES: Final[dict[int, tuple[int, str, Outcome]]] = {
    401: (401, "authentication_error", "credential"),
    403: (403, "permission_error", "credential"),
    404: (404, "invalid_request_error", "request"),
    408: (408, "api_error", "ambiguous"),
    409: (409, "api_error", "ambiguous"),
    410: (404, "invalid_request_error", "request"),  # gone for good: to a program, not found
    424: (424, "api_error", "ambiguous"),
    425: (425, "api_error", "ambiguous"),
    429: (429, "rate_limit_error", "limited"),
    451: (403, "request_forbidden", "region"),
    503: (503, "server_error", "limited"),
    529: (529, "server_error", "limited"),
}
_FLAT: Final = {"code", "statusCode", "status_code", "error_code", "errorCode", "error_msg", "msg", "message", "detail"}
_REGION_TEXT: Final = re.compile(r"(country|region|territory)[^.]{0,60}\b(not|un)[ -]?supported|unsupported[ _]country")


def _by_code(failure: VendorFailure) -> _Verdict | None:
    return _CODES.get(failure.code or "") or _CODES.get(failure.type or "")


def _by_status(status: int, failure: VendorFailure) -> _Verdict:
    code = failure.code
    if status == 403 and _REGION_TEXT.search(failure.message.lower()):
        return _CODES["unsupported_country_region_territory"]
    if status in _STATUSES:
        to_status, type_, outcome = _STATUSES[status]
        return _Verdict(to_status, type_, code, outcome)
    if status == 402:
        return _CODES["insufficient_quota"]
    if 400 <= status < 500:
        return _Verdict(status, "invalid_request_error", code, "request")
    if 500 <= status < 600:
        return _Verdict(status, "server_error", code, "ambiguous")
    return _Verdict(502, "upstream_error", code or "bad_upstream_answer", "ambiguous")


def _fits(rule: ErrorRule, failure: VendorFailure, status: int) -> bool:
    if rule.status and status not in rule.status:
        return False
    if rule.code and not _any_glob(failure.code, rule.code):
        return False
    if rule.type and not _any_glob(failure.type, rule.type):
        return False
    text = failure.message.lower()
    return not rule.text or any(part.lower() in text for part in rule.text)


def _any_glob(text: str | None, patterns: tuple[str, ...]) -> bool:
    return text is not None and any(fnmatch.fnmatchcase(text.lower(), p.lower()) for p in patterns)


def _sentence(failure: VendorFailure, who: str, code: str | None, status: int) -> str:
    text = failure.message[:_MAX_MESSAGE] or f"the upstream answered with status {status} and no explanation"
    own = failure.code if failure.code not in (None, code) else None
    return f"{text} [{who}: {own}]" if own else f"{text} [{who}]"


def _read_failure(error: Mapping[str, JsonValue], beside: Mapping[str, JsonValue] | None = None) -> VendorFailure:
    code = _first_text(error, "code", "Code", "statusCode", "status_code", "error_code", "errorCode")
    message = _first_text(error, "message", "Message", "error_msg", "errorMessage", "status_msg", "msg", "detail")
    used = {"message", "code", "type", "param"}
    extra = {k: v for k, v in error.items() if k not in used} if beside is not None else {}
    extra |= {k: v for k, v in (beside or {}).items() if k not in ("error", "choices", "usage")}
    return VendorFailure(message or "", code, _first_text(error, "type"), _first_text(error, "param"), extra)


def _first_text(table: Mapping[str, JsonValue], *names: str) -> str | None:
    for name in names:
        value = table.get(name)
        if isinstance(value, str) and value:
            return value
        if isinstance(value, int | float) and not isinstance(value, bool):
            return str(value)
    return None


def _number(text: str) -> float | None:
    try:
        seconds = float(text)
    except ValueError:
        return None
    return max(0.0, seconds) if math.isfinite(seconds) else None


def _instant(text: str) -> float | None:
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
