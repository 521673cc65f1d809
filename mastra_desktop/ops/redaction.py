"""Takes keys and passwords out of text before it is written anywhere."""

from __future__ import annotations

import re
from dataclasses import replace
from urllib.parse import quote

from mastra_desktop.domain.errors import ErrorInfo

REMOVED = "[removed]"
_LEAST_SECRET = 8  # characters
_TELLING_BEGINNING = 16

_TELLING_WORD = (
    r"(?:api[_-]?key|access[_-]?key|private[_-]?key|secret[_-]?key|client[_-]?secret|pass(?:word|wd|phrase)"
    r"|secret|token|credentials?|authorization|auth|key|cookie)"
)
_SECRET_NAME = re.compile(
    r"(?:^|[_\-.\s])(?:key|apikey|token|secret|password|passwd|passphrase|authorization|cookie|credentials?)$",
    re.IGNORECASE,
)

# Vendors' own forms first: they are recognised wherever they stand.
_KEY_FORMS = re.compile(
    r"""
      -----BEGIN[ A-Z]*PRIVATE\ KEY-----.*?(?:-----END[ A-Z]*PRIVATE\ KEY-----|\Z)
    | \beyJ[\w-]{8,}\.[\w-]{4,}(?:\.[\w-]*)*                  # JSON web tokens
    | (?<![A-Za-z0-9])(?:
          sk-[\w-]{12,}                                       # OpenAI, Anthropic, DeepSeek, OpenRouter
        | [srp]k_(?:live|test)_\w{12,}                        # Stripe
        | AIza[\w-]{20,} | ya29\.[\w.-]{10,} | GOCSPX-[\w-]{10,}  # Google
        | mdt_[\w-]{12,}                                      # our own HTTP API
        | gsk_\w{12,} | xai-[\w-]{12,} | hf_\w{12,} | r8_\w{12,} | pplx-\w{12,} | nvapi-[\w-]{12,}
        | gh[pousr]_\w{16,} | github_pat_\w{16,} | glpat-[\w-]{12,} | npm_\w{20,} | pypi-[\w-]{20,}
        | (?:AKIA|ASIA)[A-Z0-9]{16}                           # Amazon
        | xox[abposr]-[\w-]{10,} | xapp-[\w-]{10,}            # Slack
        | SG\.[\w-]{10,}\.[\w-]{10,} | dop_v1_\w{20,} | whsec_\w{12,} | tvly-[\w-]{12,} | lsv2_\w{12,}
      )
    """,
    re.VERBOSE | re.DOTALL,
)
_BEARER = re.compile(r"\b(Bearer|Basic)(\s+)[\w.~+/=-]{8,}", re.IGNORECASE)
_URL_PASSWORD = re.compile(r"(\b[\w+.-]+://[^\s/:@]*):[^\s/@]+@")
_URL_TOKEN = re.compile(r"(\b[\w+.-]+://)[^\s/:@]{8,}@")  # a key in place of a user
_AFTER_A_WORD = re.compile(
    # "key": "value", key=value, the key is value
    rf"""({_TELLING_WORD}["']?\s*(?:=>|[:=]|\bis\b)\s*["']?)([^\s"',;&}}\]]{{8,}})""",
    re.IGNORECASE,
)


def redact(text: str) -> str:
    """`text` with everything that looks like a key, token or password replaced by `[removed]`.

    Known key forms are found anywhere; other values only after a word like "key" or "password".
    """
    if text.isalnum() and text.islower():  # an id or a word: every form has a capital or a separator
        return text
    text = _KEY_FORMS.sub(REMOVED, text)
    text = _BEARER.sub(rf"\1\2{REMOVED}", text)
    text = _URL_PASSWORD.sub(rf"\1:{REMOVED}@", text)
    text = _URL_TOKEN.sub(rf"\1{REMOVED}@", text)
    return _AFTER_A_WORD.sub(_keep_the_word, text)


def _keep_the_word(match: re.Match[str]) -> str:
    return match[0] if match[2].startswith((REMOVED[:-1], "Bearer", "Basic")) else match[1] + REMOVED


def is_secret_name(name: str) -> bool:
    """Whether a key of this name (`api_key`, `token`, `http.password`) holds a secret."""
    return _SECRET_NAME.search(name) is not None


class KnownSecrets:
    """The keys that this run has used, taken out of text whatever they look like. For any thread.

    A key is also found when only its beginning is there, as in text that was cut. Keys under 8 characters
    are not looked for: what people enter where no key is needed, such as "none", would tear text apart.
    """

    def __init__(self) -> None:
        self._secrets: set[str] = set()
        self._pattern: re.Pattern[str] | None = None

    def add(self, secret: str) -> None:
        secret = secret.strip()
        if len(secret) < _LEAST_SECRET or secret in self._secrets:
            return
        self._secrets.add(secret)
        forms = {form for each in self._secrets for form in (each, quote(each, safe=""))}
        beginnings = {re.escape(form[:_TELLING_BEGINNING]) + r"[\w.~+/=%-]*" for form in forms}
        self._pattern = re.compile("|".join(sorted(beginnings, key=len, reverse=True)))

    def clean(self, text: str) -> str:
        """`text` without these keys and without what `redact` finds."""
        return redact(self._pattern.sub(REMOVED, text) if self._pattern else text)

    def clean_error(self, error: ErrorInfo) -> ErrorInfo:
        """The same error, fit to be stored and shown."""
        message, hint, detail = (self.clean(text) for text in (error.message, error.hint, error.detail))
        return replace(error, message=message, hint=hint, detail=detail)
