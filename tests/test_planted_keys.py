"""Keys of twenty kinds, planted everywhere, are found nowhere (quality: secrets are removed from all outputs)."""

from __future__ import annotations

import asyncio
import json
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from mastra_desktop.cli import run_command
from mastra_desktop.core import Core, open_core
from mastra_desktop.domain.chat import MessageState
from mastra_desktop.paths import find_paths
from mastra_desktop.services.health import Status
from mastra_desktop.store.files import back_up
from tests.collector import Collector, facts
from tests.cores import collect, finished
from tests.fakes import ScriptedProvider
from tests.test_cli import command, environment

pytestmark = pytest.mark.slow  # every case is a process or a wait of its own

SALT = "Zq7Xw2Lp9Rt4Vb8N"
KEYS = {
    "openai": f"sk-{SALT}0001T3BlbkFJ{SALT}",
    "openai-project": f"sk-proj-{SALT}0002_{SALT}-{SALT}",
    "anthropic": f"sk-ant-api03-{SALT}0003-{SALT}AA",
    "google": f"AIzaSy{SALT}0004{SALT[:13]}",
    "groq": f"gsk_{SALT}0005{SALT}{SALT}",
    "mistral": "m0006ZqXwLpRtVbNaBcDeFgHiJkLmNoP",
    "deepseek": "sk-0007aa11bb22cc33dd44ee55ff660077",
    "xai": f"xai-{SALT}0008{SALT}{SALT}",
    "openrouter": "sk-or-v1-0009aa11bb22cc33dd44ee55ff66778899aa11bb22cc33dd44ee55ff66",
    "huggingface": f"hf_{SALT}0010{SALT}",
    "github": f"ghp_{SALT}0011{SALT}",
    "amazon": "AKIA0012ZQXWLPRTVBNA",
    "azure": "0013aa11bb22cc33dd44ee55ff667788",
    "replicate": f"r8_{SALT}0014{SALT}",
    "perplexity": f"pplx-{SALT}0015{SALT}",
    "nvidia": f"nvapi-{SALT}0016{SALT}",
    "web-token": f"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI0017In0.{SALT}",
    "uuid": "0018aa11-bb22-4c33-8d44-ee55ff667788",
    "words": "correct.horse.0019.battery",
    "short": "pw-0020-Zq",
}
IDS = [f"p{number:02}" for number in range(1, len(KEYS) + 1)]
BY_ID = dict(zip(IDS, KEYS.values(), strict=True))
WAYS = ("status", "stream", "late", "codes")  # how the server gives the key back
PASSPHRASE = "planted-passphrase-0021"


def traces(text: str | bytes) -> list[str]:
    """The keys of which even a part that tells is in `text`."""
    data = text.encode() if isinstance(text, str) else text
    wanted = [*KEYS.values(), PASSPHRASE]
    return [key for key in wanted if key.encode() in data or key[-12:].encode() in data]


class Echo(BaseHTTPRequestHandler):
    """Gives the key back in every way a careless server can; the path says in which."""

    def do_GET(self) -> None:
        self._send(200, "application/json", json.dumps({"data": [{"id": "m"}]}))

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        key = self.headers["authorization"].removeprefix("Bearer ")
        way = self.path.split("/")[1]
        error = {"error": {"message": f"Incorrect API key provided: {key}.", "type": "x", "code": key}}
        if way == "status":
            self._send(401, "application/json", json.dumps(error))
        elif way == "codes":
            error["error"] |= {"message": f"the header was 'Bearer {key}' {'x' * 230} {key}", "status": key}
            self._send(500, "application/json", json.dumps(error), ("X-Key", key))
        else:
            piece = {"choices": [{"delta": {"content": "Hello"}}]}
            first = f"data: {json.dumps(piece)}\n\n" if way == "late" else ""
            self._send(200, "text/event-stream", f"{first}data: {json.dumps(error)}\n\n")

    def _send(self, status: int, kind: str, body: str, *headers: tuple[str, str]) -> None:
        self.send_response(status)
        for name, value in (("Content-Type", kind), *headers):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def echo() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        thread = Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def place(tmp_path: Path, echo: str) -> Path:
    """A data home with a provider for each key."""
    home = tmp_path / "home"
    home.mkdir()
    ways = (WAYS[number % len(WAYS)] for number in range(len(IDS)))
    (home / "config.toml").write_text(
        "".join(
            f'[[providers]]\nid = "{id}"\nkind = "openai-compatible"\nbase_url = "{echo}/{way}/v1"\n'
            for id, way in zip(IDS, ways, strict=True)
        )
    )
    return home


def environ_of(home: Path, **more: str) -> dict[str, str]:
    return {
        "MASTRA_HOME": str(home),
        "MASTRA_HTTP__MAX_RETRIES": "0",
        "MASTRA_LOGGING__LEVEL": "DEBUG",
    } | more


def found_in_files(home: Path) -> list[tuple[str, list[str]]]:
    files = [file for file in home.rglob("*") if file.is_file()]
    assert len(files) >= 4
    return [(file.name, keys) for file in files if (keys := traces(file.read_bytes()))]


def cli(environ: Mapping[str, str], *args: str) -> int:
    with suppress(SystemExit):
        return run_command(list(args), environ)
    return 2


@pytest.mark.parametrize("passphrase", ["", PASSPHRASE], ids=["memory", "file"])
def test_a_session_with_keys_leaves_none(place: Path, passphrase: str) -> None:
    """Keys in memory or in the file, echoed by every server and thrown about by a bug, are in no event, report,
    export, log, database, journal or backup."""
    environ = environ_of(place, **({"MASTRA_PASSPHRASE": passphrase} if passphrase else {}))
    paths = find_paths(environ)
    seen: list[object] = []

    async def session(core: Core) -> None:
        core.bus.subscribe(seen.append)
        for id, key in BY_ID.items():
            seen.append(await core.keys.set(id, key))
        for id in IDS:
            events = await collect(core.chat.reply("Hello", model_id=f"{id}/m"))
            assert finished(events).state in (MessageState.FAILED, MessageState.INTERRUPTED)
            seen.extend(events)
            seen.append(await core.keys.rotate(id, BY_ID[id]))
        for provider in core.providers.config.providers:
            seen.append(await core.providers.test(provider.base_url, BY_ID[provider.id]))
        report = await core.health.full()
        assert report.status is Status.UNHEALTHY
        seen.extend([report, await core.keys.kept(), await core.providers.servers()])
        for conversation in await core.conversations.recent():
            seen.append(await core.conversations.export_markdown(conversation.id))
            seen.append(await core.conversations.whole(conversation.id))
        await asyncio.to_thread(back_up, paths.database, paths.backups, "now.db")
        assert (place / "mastra.db-wal").exists()
        assert found_in_files(place) == []
        raise RuntimeError(f"a bug with all keys: {BY_ID}")

    async def main() -> None:
        async with open_core(paths, environ, purpose="window") as core:
            await session(core)

    with pytest.raises(RuntimeError):
        asyncio.run(main())
    assert [each for each in seen if traces(repr(each))] == []
    assert "a bug with all keys" in (place / "logs" / "mastra.log").read_text()
    assert found_in_files(place) == []


def test_an_export_holds_none(place: Path) -> None:
    """With contents switched on: keys that people write into prompts, that servers echo, that are the collector's
    own, are in nothing that it is sent but its own header."""
    with Collector() as collector:
        more = f'[telemetry]\notlp_url = "{collector.url}"\notlp_contents = true\n'
        (place / "config.toml").write_text((place / "config.toml").read_text() + more)
        environ = environ_of(place)

        async def main() -> None:
            async with open_core(find_paths(environ), environ, purpose="window") as core:
                for id, key in BY_ID.items():
                    await core.keys.set(id, key)
                await core.keys.set("otlp", f"{SALT}0022-collector")
                for id, key in BY_ID.items():
                    asked = f"Why is {key} refused? I wrote api_key={key} and 'Bearer {key}'."
                    await collect(core.chat.reply(asked, model_id=f"{id}/m"))

        asyncio.run(main())
        contents = [dict(facts(span.attributes)) for span in collector.spans if span.name == "chat m"]
        assert len(contents) == len(BY_ID)
        assert all("refused" in str(each["gen_ai.input.messages"]) for each in contents)
        assert {got.headers["authorization"] for got in collector.got} == {f"Bearer {SALT}0022-collector"}
        for got in collector.got:
            assert traces(got.body) == []
            assert SALT.encode() not in got.body


def test_commands_print_no_key(place: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """ask, doctor, keys, config and conversations, with keys from the environment, as text and as JSON."""
    kinds = {"openai": "OPENAI_API_KEY", "groq": "GROQ_API_KEY", "mistral": "MISTRAL_API_KEY"}
    config = (place / "config.toml").read_text()
    for number, kind in enumerate(kinds):
        config = config.replace('kind = "openai-compatible"', f'kind = "{kind}"', 1)
        assert IDS[number] in config
    (place / "config.toml").write_text(config)
    keys = dict(zip(kinds.values(), KEYS.values(), strict=False))
    environ = environ_of(place, MASTRA_CACHE__REDIS_URL=f"redis://user:{KEYS['words']}@127.0.0.1:1/0", **keys)
    for id in IDS[:3]:
        assert cli(environ, "ask", "--json", "--model", f"{id}/m", "Hello") == 1
        assert cli(environ, "ask", "--model", f"{id}/m", "Hello") == 1
    for json_flag in ((), ("--json",)):
        for args in (
            ("keys", "list"),
            ("doctor",),
            ("config", "show"),
            ("config", "check"),
            ("conversations", "list"),
        ):
            cli(environ, *args, *json_flag)
    shown = "".join(capfd.readouterr())
    assert "OPENAI_API_KEY" in shown
    assert "did not accept the key" in shown
    assert traces(shown) == []
    assert found_in_files(place) == []


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
def test_a_refused_configuration_repeats_no_key(
    tmp_path: Path, key: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """Wherever people put keys into config.toml or its variables, the refusal names the place, not the key."""
    provider = '[[providers]]\nid = "a"\nkind = "openai"\n'
    file = tmp_path / "config.toml"
    for text in (
        f'{provider}api_key = "{key}"',
        f'{provider}key = "{key}"\ntoken = 5',
        f'{provider}base_url = "https://{key}@host/v1"',
        f'{provider}base_url = "https://user:{key}@host/v1"',
        f'{provider}base_url = "https://host/v1?key={key}"',
        f'{provider}headers = {{ Authorization = "Bearer {key}" }}',
        f'[http]\nproxy_password = "{key}"',
        f"{provider}api_key = {key}",
        f"api_key: {key}",
    ):
        file.write_text(text)
        for args in (("config", "check"), ("config", "check", "--json"), ("ask", "--json", "Hello")):
            assert cli(environ_of(tmp_path), *args) == 3, text
    file.unlink()
    cli(environ_of(tmp_path, MASTRA_HTTP__API_KEY=key), "config", "check")
    cli(environ_of(tmp_path, MASTRA_DATABASE__URL=f"mysql://me:{key}@host/db"), "config", "check")
    cli(environ_of(tmp_path), "keys", "set", "work", key)
    shown = "".join(capfd.readouterr())
    assert "config.toml" in shown
    assert traces(shown) == []


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="only Linux shows arguments this way")
def test_no_process_has_a_key_in_its_arguments(tmp_path: Path) -> None:
    """While an answer runs, neither the command nor a child of it shows a key to the computer's other users."""
    with ScriptedProvider() as server:
        home = tmp_path / "home"
        home.mkdir()
        (home / "config.toml").write_text(
            f'[[providers]]\nid = "a"\nkind = "openai"\nbase_url = "{server.base_url}"\n'
        )
        running = subprocess.Popen(
            command("ask", "--model", "a/slow", "Hello"),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(home, OPENAI_API_KEY=KEYS["openai"]),
        )
        until = time.monotonic() + 20
        while not server.chats and time.monotonic() < until:
            time.sleep(0.02)
        assert server.chats[0].headers["authorization"].endswith(KEYS["openai"])
        lines = []
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                lines.append((folder / "cmdline").read_bytes())
        assert any(b"mastra_desktop\0ask" in line for line in lines)
        assert [line for line in lines if traces(line)] == []
        running.terminate()
        out, err = running.communicate(timeout=10)
        assert traces(out + err) == []
    assert found_in_files(home) == []
