"""Configuration: defaults, file, environment, and refusals that name the place."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from mastra_desktop.domain.errors import ConfigError
from mastra_desktop.ops.config import Loaded, check, load
from mastra_desktop.paths import Paths

FILE = Path("/home/someone/config.toml")


def problems(text: str, **environ: str) -> list[str]:
    """What is refused, one a line, without the file's name."""
    with pytest.raises(ConfigError) as refused:
        check(text, FILE, environ)
    return refused.value.detail.replace(f"{FILE}, ", "").splitlines()


def accepted(text: str, **environ: str) -> Loaded:
    return check(text, FILE, environ)


def test_defaults_are_those_of_the_manual(home: Paths) -> None:
    """Without a file and variables, the documented defaults hold, and each key says so."""
    loaded = load(home, {"MASTRA_HOME": str(home.home), "PATH": "/bin"})
    assert loaded.config.model_dump(mode="json") == {
        "database": {"url": ""},
        "vectors": {"url": ""},
        "cache": {"max_entries": 4096, "ttl_s": 3600, "redis_url": ""},
        "http": {
            "connect_timeout_s": 10,
            "read_idle_timeout_s": 120,
            "max_retries": 2,
            "max_connections": 100,
            "proxy": "system",
            "ca_file": "",
        },
        "server": {"enabled": False, "host": "127.0.0.1", "port": 0},
        "logging": {"level": "INFO", "max_bytes": 10485760, "backups": 5},
        "telemetry": {"otlp_url": "", "otlp_contents": False},
        "local": {"model_path": "", "context_tokens": 0, "threads": 0, "idle_stop_s": 600},
        "providers": [],
    }
    assert set(loaded.sources.values()) == {"default"}
    assert "http.max_retries" in loaded.sources


def test_environment_wins_over_the_file(home: Paths) -> None:
    """A variable beats the file, the file beats the default, and the sources tell."""
    home.config.write_text('[http]\nmax_retries = 5\nmax_connections = 7\n[logging]\nlevel = "DEBUG"\n')
    environ = {
        "MASTRA_HTTP__MAX_RETRIES": "1",
        "MASTRA_SERVER__ENABLED": "true",
        "MASTRA_CACHE__TTL_S": "1.5",
    }
    loaded = load(home, environ)
    config, sources = loaded.config, loaded.sources
    assert (config.http.max_retries, config.http.max_connections) == (1, 7)
    assert (config.server.enabled, config.cache.ttl_s, config.logging.level) == (True, 1.5, "DEBUG")
    assert sources["http.max_retries"] == sources["server.enabled"] == "environment"
    assert (sources["http.max_connections"], sources["http.connect_timeout_s"]) == ("file", "default")


def test_full_example_is_accepted() -> None:
    """Everything the manual shows is valid."""
    config = accepted(
        """
        [database]
        url = "postgresql+psycopg://user:pw@db:5432/mastra"
        [vectors]
        url = "http://host:8000"
        [cache]
        redis_url = "redis://localhost:6379/0"
        [local]
        model_path = '/models/m.gguf'
        [[providers]]
        id = "work"
        kind = "openai-compatible"
        base_url = "http://127.0.0.1:8080/v1"
        models = ["a", "org/b:c"]
        requests_per_minute = 60
        fallbacks = ["local/default", "x/y/z"]
        """
    ).config
    provider = config.providers[0]
    assert (provider.models, provider.fallbacks) == (("a", "org/b:c"), ("local/default", "x/y/z"))
    assert config.local.model_path == "/models/m.gguf"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[http]\n\nmax_retries = 'many'", 'line 3: http.max_retries is "many"; allowed is a whole number from 0 to 10.'),
        ("[http]\nmax_retries = 2.0", "line 2: http.max_retries is 2.0; allowed is a whole number from 0 to 10."),
        ("[http]\nmax_retries = true", "line 2: http.max_retries is true; allowed is a whole number"),
        ("http.max_retries = 11", "line 1: http.max_retries is 11; allowed is a whole number from 0 to 10."),
        ("[local]\ncontext_tokens = 9", "line 2: local.context_tokens is 9; allowed is 0, or 256 to 1048576."),
        ("[cache]\nttl_s = nan", "line 2: cache.ttl_s is nan; allowed is a number from 0"),
        ("[server]\nenabled = 1", "line 2: server.enabled is 1; allowed is true or false."),
        ("[server]\nhost = '0.0.0.0'", 'line 2: server.host is "0.0.0.0"; allowed is one of "127.0.0.1", '),
        ("[logging]\nlevel = 'LOUD'", 'line 2: logging.level is "LOUD"; allowed is one of "DEBUG", '),
        ("[http]\nretries = 3", "line 2: http.retries is no key that exists (found 3); allowed in [http]: connect"),
        ("[htpp]\nx = 3", "line 1: htpp is no key that exists (found a table); allowed in the file: database, "),
        ("\nhttp = 3", "line 2: http is 3; allowed is a table with the keys connect_timeout_s, "),
        ("providers = 3", "line 1: providers is 3; allowed is a list of which each is a table with the keys id, "),
        ("[database]\nurl = 'mysql://x/y'", 'line 2: database.url is "mysql://x/y"; allowed is empty, or an address '),
        ("[vectors]\nurl = 'http://h:70000'", "line 2: vectors.url is"),
        ("[vectors]\nurl = 'http:// h'", "line 2: vectors.url is"),
        ("[vectors]\nurl = 'host:8000'", "line 2: vectors.url is"),
        ("[vectors]\nurl = 'http://[::1'", "line 2: vectors.url is"),
        ("[local]\nmodel_path = 1979-05-27", "line 2: local.model_path is 1979-05-27; allowed is text in quotes."),
        ("[[providers]]\nkind = 'openai'", "line 1: providers[0].id is missing; allowed is 1 to 64 lower-case"),
        ("[[providers]]\nid = 'a'", 'line 1: providers[0].kind is missing; allowed is one of "openai", '),
        ("[[providers]]\nid = 'A b'\nkind = 'openai'", 'line 2: providers[0].id is "A b"; allowed is 1 to 64 lower'),
        ("[[providers]]\nid = 'local'\nkind = 'openai'", 'line 2: providers[0].id is "local"; allowed is any name but'),
        ("[[providers]]\nid = 'a'\nkind = 'openai'\nfallbacks = [\n'a/b',\n'c']", 'line 6: providers[0].fallbacks[1] is "c"; '),
        (
            "[[providers]]\nid = 'a'\nkind = 'openai'\nfallbacks = ['a/1','a/2','a/3','a/4','a/5','a/6']",
            "line 4: providers[0].fallbacks is a list; allowed is a list, at most 5, of which each is text of the form",
        ),
        (
            "[[providers]]\nid = 'a'\nkind = 'openai-compatible'",
            'line 1: providers[0].base_url is ""; allowed is an address like http://host:8000/v1, as this kind has no own.',
        ),
        (
            "[[providers]]\nid = 'a'\nkind = 'openai'\n[[providers]]\nid = 'a'\nkind = 'groq'",
            'line 5: providers[1].id is "a"; allowed is a name that no other provider has.',
        ),
    ],
)  # fmt: skip
def test_mistakes_are_named(text: str, said: str) -> None:
    """File, line, key, what was found and what is allowed, in one sentence."""
    (problem,) = problems(text)
    assert problem.startswith(said)
    assert problem.endswith(".")


def test_all_mistakes_are_told_at_once() -> None:
    """Three mistakes in file and environment are three lines; the message is the first and counts the rest."""
    with pytest.raises(ConfigError) as refused:
        check(
            "[http]\nmax_retries = -1\n[server]\nport = 'x'", FILE, {"MASTRA_HTTP__MAX_CONNECTIONS": "lots"}
        )
    error = refused.value
    assert len(error.detail.splitlines()) == 3
    assert (
        error.message
        == f"{FILE}, line 2: http.max_retries is -1; allowed is a whole number from 0 to 10. (2 more)"
    )
    assert (
        'MASTRA_HTTP__MAX_CONNECTIONS in the environment is "lots"; allowed is a whole number from 1 to 10000.'
        in error.detail
    )
    assert error.code == "config"
    assert error.hint


@pytest.mark.parametrize(
    ("variable", "said"),
    [
        ("MASTRA_HTTP__RETRIES", "allowed: MASTRA_HTTP__CONNECT_TIMEOUT_S, "),
        ("MASTRA_NOPE__X", "allowed: MASTRA_CACHE__…, "),
        ("MASTRA_PROVIDERS__ID", "allowed are [[providers]] in config.toml."),
    ],
)
def test_unknown_variables_are_refused(variable: str, said: str) -> None:
    """A variable that sets nothing is a mistake, and its value (a key, perhaps) is not repeated."""
    (problem,) = problems("", **{variable: "hunter2"})
    assert problem.startswith(f"{variable} in the environment")
    assert said in problem
    assert "hunter2" not in problem


@pytest.mark.parametrize("name", ["api_key", "key", "token", "password", "client_secret"])
def test_keys_have_no_place_in_the_file(name: str) -> None:
    """What looks like a key is refused once, without its value, and with where it belongs."""
    (problem,) = problems(f"[[providers]]\nid = 'a'\nkind = 'openai'\n{name} = 'hunter2hunter2'")
    assert problem.startswith(f"line 4: providers[0].{name} looks like a secret")
    assert "Settings" in problem
    assert "hunter2" not in problem


def test_a_key_in_the_wrong_place_is_not_repeated() -> None:
    """A refusal that shows what was found leaves keys out."""
    said = " ".join(problems("[[providers]]\nid = 'sk-abcdefghijklmnop1234'\nkind = 'http://u:secretpw@h'"))
    assert "abcdefgh" not in said
    assert "secretpw" not in said


@pytest.mark.parametrize(
    ("text", "line"),
    [("[http]\nmax_retries = \n", 2), ("a b", 1), ("[http]\n[http]\n", 2), ('\nx = """a\n', 2)],
)
def test_broken_toml_names_the_line(text: str, line: int) -> None:
    """A syntax error names its line and what stands there."""
    (problem,) = problems(text)
    assert problem.startswith(f"line {line}: ")
    assert "is not TOML" in problem


def test_unreadable_files_are_refused(home: Paths) -> None:
    """Other encodings and things that are no file give a ConfigError; a byte-order mark is fine."""
    home.config.write_bytes(b"\xef\xbb\xbf[http]\r\nmax_retries = 3\r\n")
    assert load(home, {}).config.http.max_retries == 3
    home.config.write_bytes(b"[http]\n# caf\xe9\n")
    with pytest.raises(ConfigError, match="line 2: this is not UTF-8"):
        load(home, {})
    home.config.unlink()
    home.config.mkdir()
    with pytest.raises(ConfigError, match="cannot be read"):
        load(home, {})


def test_every_default_fits_its_own_rules() -> None:
    """The defaults, written out as a file, are accepted and equal to no file at all."""
    plain = accepted("").config
    lines = []
    for section, values in plain.model_dump(mode="json").items():
        if section != "providers":
            lines += [f"[{section}]"]
            lines += [
                f"{k} = {str(v).lower() if not isinstance(v, str) else repr(v)}" for k, v in values.items()
            ]
    text = "\n".join(lines)
    assert not re.search("none", text)
    assert tomllib.loads(text)
    assert accepted(text).config == plain


@pytest.mark.parametrize("value", ["system", "none", "http://proxy:3128", "socks://proxy:1080"])
def test_proxies_that_can_be_named(value: str) -> None:
    """The system's, none, or an address in any of the usual spellings."""
    assert accepted(f'[http]\nproxy = "{value}"').config.http.proxy == value


@pytest.mark.parametrize("value", ["", "proxy:3128", "ftp://proxy", "http://user:word@proxy:1"])
def test_proxies_that_are_refused(value: str) -> None:
    """No address at all, and one with a password: those have no place in the file."""
    [problem] = problems(f'[http]\nproxy = "{value}"')
    assert "http.proxy is" in problem
    assert "allowed is system, none, or an address" in problem
