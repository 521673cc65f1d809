"""What the API says of itself holds: schemathesis tries it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mastra_desktop.domain.tokens import TokenRole
from tests.api.serving import Serving


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_schemathesis_finds_nothing(serving: Serving, tmp_path: Path) -> None:
    """Made-up requests to every route, good ones and bad ones, are answered as described."""
    serving.run(lambda core: core.knowledge.create_collection("notes"))
    shown = f"Authorization: Bearer {serving.token(TokenRole.OPERATOR)}"
    program = str(Path(sys.executable).with_name("schemathesis"))
    done = subprocess.run(
        [
            program, "run", f"{serving.url}/openapi.json", "--header", shown, "--max-examples", "60",
            "--seed", "1", "--phases", "examples,coverage,fuzzing", "--checks", "all",
            "--exclude-checks", "unsupported_method", "--request-timeout", "30", "--no-color",
        ],
        capture_output=True, text=True, check=False, cwd=tmp_path,
        env={k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")},
    )  # fmt: skip
    assert done.returncode == 0, (done.stdout + done.stderr)[-8000:]
