"""Expected trouble, as one tree. Anything else that is raised is a bug.

MastraError
├── ConfigError            config            a key, a type or a value that is refused
├── StorageError           storage           the data home or the database cannot be used
│   ├── DataHomeBusy                         another process owns the data home
│   ├── DatabaseDamaged                      the file is not a readable database
│   └── DatabaseTooNew                       written by a later version of the app
├── NotFound               bad_request       no such conversation, message, provider or model
├── BadRequest             bad_request       the provider refused what we sent
│   └── ContextTooLong     context_length    the conversation does not fit the model
├── KnowledgeError         knowledge         a document, a collection or its index
├── ReplyCancelled         cancelled         the person stopped it
└── ProviderError          provider          whoever answers failed
    ├── AuthError          auth              no key, or the key was refused
    ├── QuotaError         quota             the account has no credit left
    ├── RateLimited        rate_limit        too many requests; `retry_after_s` when it was said
    ├── ProviderTimeout    timeout           connecting, or silence between two pieces
    ├── NetworkError       network           refused, reset, no such host, TLS
    │   └── StreamCut      network           the stream ended without its end marker: interrupted
    ├── CircuitOpen        circuit_open      failed too often, or asked for rest: not asked for a while
    ├── ContentFiltered    content_filter    the provider declined to answer
    └── LocalModelError    provider          the built-in model's file or process
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

CODES = frozenset(
    (
        "auth",
        "quota",
        "rate_limit",
        "timeout",
        "network",
        "provider",
        "context_length",
        "bad_request",
        "circuit_open",
        "content_filter",
        "tool",
        "config",
        "storage",
        "knowledge",
        "cancelled",
        "bug",
    )
)


class MastraError(Exception):
    """Trouble we expected.

    `message` is one sentence for the person, `hint` the way forward, `detail` what a developer would
    want (never a secret), `retryable` whether doing the same again can help.
    """

    code: ClassVar[str] = "bug"
    retryable_by_default: ClassVar[bool] = False

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        detail: str = "",
        retryable: bool | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.detail = detail
        self.retryable = self.retryable_by_default if retryable is None else retryable
        self.retry_after_s = retry_after_s

    @property
    def info(self) -> ErrorInfo:
        """The same as plain data, to store and to show."""
        return ErrorInfo(self.code, self.message, self.hint, self.detail, self.retryable, self.retry_after_s)


@dataclass(frozen=True, slots=True)
class ErrorInfo:
    """What is kept and shown of an error. `code` is one of interface codes (`auth`, `network`, ...)."""

    code: str
    message: str
    hint: str = ""
    detail: str = ""
    retryable: bool = False
    retry_after_s: float | None = None


class ConfigError(MastraError):
    code = "config"


class StorageError(MastraError):
    code = "storage"


class DataHomeBusy(StorageError):
    retryable_by_default = True


class DatabaseDamaged(StorageError):
    pass


class DatabaseTooNew(StorageError):
    pass


class NotFound(MastraError):
    code = "bad_request"


class BadRequest(MastraError):
    code = "bad_request"


class ContextTooLong(BadRequest):
    code = "context_length"


class KnowledgeError(MastraError):
    code = "knowledge"


class ReplyCancelled(MastraError):
    code = "cancelled"


class ProviderError(MastraError):
    code = "provider"
    retryable_by_default = True


class AuthError(ProviderError):
    code = "auth"
    retryable_by_default = False


class QuotaError(ProviderError):
    code = "quota"
    retryable_by_default = False


class RateLimited(ProviderError):
    code = "rate_limit"


class ProviderTimeout(ProviderError):
    code = "timeout"


class NetworkError(ProviderError):
    code = "network"


class StreamCut(NetworkError):
    pass


class CircuitOpen(ProviderError):
    code = "circuit_open"


class ContentFiltered(ProviderError):
    code = "content_filter"
    retryable_by_default = False


class LocalModelError(ProviderError):
    retryable_by_default = False


def describe(error: BaseException) -> ErrorInfo:
    """`error` as plain data; an unexpected one becomes code `bug` without its text (it may hold secrets)."""
    if isinstance(error, MastraError):
        return error.info
    return ErrorInfo(
        "bug",
        "Something went wrong inside Mastra Desktop.",
        "The log has the details. Trying again may help.",
        type(error).__name__,
        True,
    )
