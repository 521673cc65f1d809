"""Takes keys and passwords out of text before it is written anywhere."""

from __future__ import annotations

import re

REMOVED = "[removed]"

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
_AFTER_A_WORD = re.compile(
    # "key": "value", key=value, the key is value
    rf"""({_TELLING_WORD}["']?\s*(?:=>|[:=]|\bis\b)\s*["']?)([^\s"',;&}}\]]{{8,}})""",
    re.IGNORECASE,
)


def redact(text: str) -> str:
    """`text` with everything that looks like a key, token or password replaced by `[removed]`.

    Known key forms are found anywhere; other values only after a word like "key" or "password".
    """
    text = _KEY_FORMS.sub(REMOVED, text)
    text = _BEARER.sub(rf"\1\2{REMOVED}", text)
    text = _URL_PASSWORD.sub(rf"\1:{REMOVED}@", text)
    return _AFTER_A_WORD.sub(_keep_the_word, text)


def _keep_the_word(match: re.Match[str]) -> str:
    return match[0] if match[2].startswith((REMOVED, "Bearer", "Basic")) else match[1] + REMOVED


def is_secret_name(name: str) -> bool:
    """Whether a key of this name (`api_key`, `token`, `http.password`) holds a secret."""
    return _SECRET_NAME.search(name) is not None
