"""The same `Script` in every wire format: chat completions, responses, Anthropic, Gemini, Ollama."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.fakes_scripts import ERROR_EVENT, Script, status_script

# Where answers are asked for, by the end of the path.
ANSWERS = (
    "/chat/completions",
    "/messages",
    "/responses",
    "/api/chat",
    ":generateContent",
    ":streamGenerateContent?alt=sse",
)


@dataclass(frozen=True)
class Wire:
    """`events` are the data of a stream without its end; `ended` adds the marker, `whole` is one response."""

    events: Callable[[Script, str], list[dict[str, Any]]]
    whole: Callable[[Script, str], dict[str, Any]]
    error: dict[str, Any]
    typed: bool = False  # events have an `event:` line
    lines: bool = False  # JSON lines, no server-sent events


def wire_of(path: str) -> Wire:
    path = path.partition("?")[0]
    if path.endswith("/messages"):
        return ANTHROPIC
    if path.endswith("/responses"):
        return RESPONSES
    if path.endswith("Content"):
        return GOOGLE
    return OLLAMA if path.endswith("/api/chat") else CHAT


def model_of(path: str, body: dict[str, Any]) -> str:
    """The model's name: Gemini's is in the path."""
    return str(body.get("model") or path.partition("/models/")[2].partition(":")[0])


def answer_parts(script: Script, path: str, body: dict[str, Any]) -> list[bytes]:
    """The body of an answer: one entry for each event, or one for all when no stream was asked for."""
    wire, model = wire_of(path), model_of(path, body)
    if script.body is not None:
        return [script.body]
    if not wants_stream(path, body):
        return [json.dumps(wire.whole(script, model)).encode()]
    end = script.newline * 2
    events = wire.events(script, model)
    marker = [] if script.done_marker or wire is CHAT else events[-1:]
    written = [json.dumps(event, ensure_ascii=False) for event in events if event not in marker]
    at = next((i for i, event in enumerate(events) if event.get("_end")), len(written))
    extra = [json.dumps(wire.error) if data == ERROR_EVENT else data for data in script.extra_events]
    written[at:at] = extra
    if wire is CHAT and script.done_marker:
        written.append("[DONE]")
    parts = []
    for data in written:
        data = data.replace(', "_end": true', "")
        if wire.lines:
            parts.append(f"{data}\n".encode())
            continue
        kind = json.loads(data).get("type") if wire.typed and data not in script.extra_events else ""
        if script.comments:
            parts.append(f": keep-alive{end}".encode())
        parts.append(
            (f"event: {kind}{script.newline}" if kind else "").encode() + f"data: {data}{end}".encode()
        )
    return parts


def wants_stream(path: str, body: dict[str, Any]) -> bool:
    if "Content" in path:
        return "streamGenerateContent" in path
    return bool(body.get("stream", path.endswith("/api/chat")))


def content_type(script: Script, path: str, body: dict[str, Any]) -> str:
    if script.body is not None or script.status != 200:
        return script.content_type
    if not wants_stream(path, body):
        return "application/json"
    return "application/x-ndjson" if wire_of(path).lines else script.content_type


def list_of_models(path: str, names: tuple[str, ...]) -> Script:
    if path.endswith("/api/tags"):
        rows: dict[str, Any] = {"models": [{"name": name} for name in names]}
    elif "/v1beta/" in path:
        methods = ["generateContent"]
        rows = {
            "models": [
                {"name": f"models/{name}", "inputTokenLimit": 1000, "supportedGenerationMethods": methods}
                for name in names
            ]
        }
    else:
        rows = {"data": [{"id": name, "object": "model"} for name in names]}
    return Script(content_type="application/json", body=json.dumps(rows).encode())


def embeddings(path: str, body: dict[str, Any]) -> Script | None:
    """[length of the text, place] for each text; None when the path is no request for embeddings.

    A text that says UNWELCOME is refused.
    """
    if "UNWELCOME" in str(body.get("input")):
        return status_script(400, "This text cannot be embedded", "invalid_request")
    if path.endswith(":batchEmbedContents"):
        texts = [asked["content"]["parts"][0]["text"] for asked in body["requests"]]
        rows: dict[str, Any] = {"embeddings": [{"values": [len(t), n]} for n, t in enumerate(texts)]}
    elif path.endswith("/api/embed"):
        rows = {"embeddings": [[len(t), n] for n, t in enumerate(body["input"])]}
    elif path.endswith("/embeddings"):
        found = [{"index": n, "embedding": [len(t), n]} for n, t in enumerate(body["input"])]
        rows = {"data": found[::-1]}
    else:
        return None
    return Script(content_type="application/json", body=json.dumps(rows).encode())


def call_of_tool(path: str, body: dict[str, Any], model: str) -> Script | None:
    """A call of the first tool when the request offers some; None when it does not, or has results."""
    tools = body.get("tools")
    if not tools or model not in ("normal", "fast", "slow", "first", "no-tools", "only-auto"):
        return None
    if model == "no-tools" or (model == "only-auto" and body.get("tool_choice") not in (None, "auto")):
        return status_script(400, "this model does not support tools", "invalid_request_error")
    tool = tools[0].get("functionDeclarations", tools)[0]
    name = (tool.get("function") or tool)["name"]
    return Script(tool_calls=(("call_0001", name, '{"city": "Paris"}'),))


def shown_key(headers: dict[str, str]) -> str:
    return (
        headers.get("x-api-key")
        or headers.get("x-goog-api-key")
        or headers.get("authorization", "").removeprefix("Bearer ")
    )


def refused_key() -> Script:
    return status_script(401, "Incorrect API key provided", "invalid_api_key")


def halves(raw: str) -> tuple[str, str]:
    return raw[: len(raw) // 2], raw[len(raw) // 2 :]


def _chat_event(model: str, delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": model, "choices": [choice]}


def _chat_events(script: Script, model: str) -> list[dict[str, Any]]:
    events = [_chat_event(model, {"reasoning_content": text}) for text in script.reasoning]
    events += [_chat_event(model, {"content": text}) for text in script.pieces]
    for half in (0, 1):  # the fragments of parallel calls alternate
        for index, (id, name, raw) in enumerate(script.tool_calls):
            function = (
                {"name": name, "arguments": halves(raw)[0]} if not half else {"arguments": halves(raw)[1]}
            )
            call = {"index": index, **({} if half else {"id": id, "type": "function"}), "function": function}
            events.append(_chat_event(model, {"tool_calls": [call]}))
    reason = "tool_calls" if script.tool_calls else script.finish_reason
    if reason:
        events.append({**_chat_event(model, {}, reason), "_end": True})
    if script.usage is not None:
        events.append({"model": model, "choices": [], "usage": script.usage})
    return events


def _chat_whole(script: Script, model: str) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": "".join(script.pieces)}
    if script.reasoning:
        message["reasoning_content"] = "".join(script.reasoning)
    if script.tool_calls:
        message["tool_calls"] = [
            {"id": id, "type": "function", "function": {"name": name, "arguments": raw}}
            for id, name, raw in script.tool_calls
        ]
    reason = "tool_calls" if script.tool_calls else script.finish_reason
    whole: dict[str, Any] = {"id": "chatcmpl-1", "model": model}
    whole["choices"] = [{"index": 0, "message": message, "finish_reason": reason}]
    return whole | ({} if script.usage is None else {"usage": script.usage})


def _anthropic_usage(script: Script) -> dict[str, Any]:
    counts = {"input_tokens": 12, "cache_read_input_tokens": 4, "output_tokens": 20}
    return {} if script.usage is None else {"usage": counts}


def _anthropic_reason(script: Script) -> str:
    if script.tool_calls:
        return "tool_use"
    return {"stop": "end_turn", "length": "max_tokens", "content_filter": "refusal"}.get(
        script.finish_reason, ""
    )


def _anthropic_blocks(script: Script) -> list[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """Each content block as it begins, with its deltas."""
    blocks: list[tuple[dict[str, Any], list[dict[str, Any]]]] = []
    if script.reasoning:
        deltas: list[dict[str, Any]] = [{"type": "thinking_delta", "thinking": t} for t in script.reasoning]
        deltas.append({"type": "signature_delta", "signature": "signed"})
        blocks.append(({"type": "thinking", "thinking": "", "signature": ""}, deltas))
    if script.pieces:
        blocks.append(
            ({"type": "text", "text": ""}, [{"type": "text_delta", "text": t} for t in script.pieces])
        )
    for id, name, raw in script.tool_calls:
        fragments = [{"type": "input_json_delta", "partial_json": half} for half in halves(raw)]
        blocks.append(({"type": "tool_use", "id": id, "name": name, "input": {}}, fragments))
    return blocks


def _anthropic_events(script: Script, model: str) -> list[dict[str, Any]]:
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": model, "content": []}
    events: list[dict[str, Any]] = [{"type": "message_start", "message": message}, {"type": "ping"}]
    for index, (begun, deltas) in enumerate(_anthropic_blocks(script)):
        events.append({"type": "content_block_start", "index": index, "content_block": begun})
        events += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
        events.append({"type": "content_block_stop", "index": index})
    if reason := _anthropic_reason(script):
        ended = {"type": "message_delta", "delta": {"stop_reason": reason}, **_anthropic_usage(script)}
        events.append({**ended, "_end": True})
    return [*events, {"type": "message_stop"}]


def _anthropic_whole(script: Script, model: str) -> dict[str, Any]:
    content: list[dict[str, Any]] = []
    if script.reasoning:
        content.append({"type": "thinking", "thinking": "".join(script.reasoning), "signature": "signed"})
    if script.pieces:
        content.append({"type": "text", "text": "".join(script.pieces)})
    content += [
        {"type": "tool_use", "id": id, "name": name, "input": json.loads(raw)}
        for id, name, raw in script.tool_calls
    ]
    whole = {"id": "msg_1", "type": "message", "role": "assistant", "model": model, "content": content}
    return {**whole, "stop_reason": _anthropic_reason(script), **_anthropic_usage(script)}


def _google_piece(
    script: Script, model: str, parts: list[dict[str, Any]], finish: str = ""
) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"parts": parts, "role": "model"}, "index": 0}
    piece: dict[str, Any] = {"candidates": [candidate], "modelVersion": model, "responseId": "resp"}
    if finish:
        candidate["finishReason"] = finish
    if script.usage is not None:
        counts = {"promptTokenCount": 12, "candidatesTokenCount": 20, "cachedContentTokenCount": 4}
        piece["usageMetadata"] = {**counts, "thoughtsTokenCount": 3}
    return piece


def _google_parts(script: Script) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = [{"text": text, "thought": True} for text in script.reasoning]
    parts += [{"text": text} for text in script.pieces]
    parts += [
        {"functionCall": {"name": name, "args": json.loads(raw)}, "thoughtSignature": f"signed {n}"}
        for n, (_, name, raw) in enumerate(script.tool_calls)
    ]
    return parts


def _google_reason(script: Script) -> str:
    return {"stop": "STOP", "length": "MAX_TOKENS", "content_filter": "SAFETY"}.get(script.finish_reason, "")


def _google_events(script: Script, model: str) -> list[dict[str, Any]]:
    events = [_google_piece(script, model, [part]) for part in _google_parts(script)]
    last = _google_piece(script, model, [{"text": ""}], _google_reason(script))
    return [*events, {**last, "_end": True}]


def _google_whole(script: Script, model: str) -> dict[str, Any]:
    return _google_piece(script, model, _google_parts(script), _google_reason(script))


def _responses_whole(script: Script, model: str) -> dict[str, Any]:
    output: list[dict[str, Any]] = []
    if script.reasoning:
        summary = [{"type": "summary_text", "text": "".join(script.reasoning)}]
        output.append({"type": "reasoning", "id": "rs_1", "summary": summary, "encrypted_content": "sealed"})
    if script.pieces:
        part = {"type": "output_text", "text": "".join(script.pieces)}
        output.append({"type": "message", "id": "msg_1", "role": "assistant", "content": [part]})
    output += [
        {"type": "function_call", "id": f"fc_{id}", "call_id": id, "name": name, "arguments": raw}
        for id, name, raw in script.tool_calls
    ]
    cut = {"length": "max_output_tokens", "content_filter": "content_filter"}.get(script.finish_reason)
    counts = {"input_tokens": 12, "input_tokens_details": {"cached_tokens": 4}, "output_tokens": 20}
    return {
        "id": "resp_1",
        "object": "response",
        "model": model,
        "status": "incomplete" if cut else "completed",
        "incomplete_details": {"reason": cut} if cut else None,
        "error": None,
        "output": output,
        "usage": None
        if script.usage is None
        else counts | {"output_tokens_details": {"reasoning_tokens": 3}},
    }


def _responses_events(script: Script, model: str) -> list[dict[str, Any]]:
    whole = _responses_whole(script, model)
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": {"id": "resp_1", "model": model}}
    ]
    for index, item in enumerate(whole["output"]):
        place = {"output_index": index, "item_id": item["id"]}
        begun = {**item, "arguments": ""} if item["type"] == "function_call" else {**item, "content": []}
        events.append({"type": "response.output_item.added", "output_index": index, "item": begun})
        if item["type"] == "reasoning":
            kind = "response.reasoning_summary_text.delta"
            events += [{"type": kind, "summary_index": 0, "delta": t, **place} for t in script.reasoning]
        elif item["type"] == "message":
            events += [{"type": "response.output_text.delta", "delta": t, **place} for t in script.pieces]
        else:
            kind = "response.function_call_arguments.delta"
            events += [{"type": kind, "delta": half, **place} for half in halves(item["arguments"])]
        events.append({"type": "response.output_item.done", "output_index": index, "item": item})
    kind = f"response.{whole['status']}"
    return [*events, {"type": kind, "response": whole, "_end": True}] if script.finish_reason else events


def _ollama_line(model: str, message: dict[str, Any]) -> dict[str, Any]:
    return {"model": model, "created_at": "2026-11-01T00:00:00Z", "message": message, "done": False}


def _ollama_calls(script: Script) -> list[dict[str, Any]]:
    return [{"function": {"name": name, "arguments": json.loads(raw)}} for _, name, raw in script.tool_calls]


def _ollama_end(script: Script) -> dict[str, Any]:
    counts = {} if script.usage is None else {"prompt_eval_count": 12, "eval_count": 20}
    return {"done": True, "done_reason": script.finish_reason or "stop", **counts}


def _ollama_events(script: Script, model: str) -> list[dict[str, Any]]:
    said = {"role": "assistant", "content": ""}
    events = [_ollama_line(model, {**said, "thinking": text}) for text in script.reasoning]
    events += [_ollama_line(model, {**said, "content": text}) for text in script.pieces]
    events += [_ollama_line(model, {**said, "tool_calls": [call]}) for call in _ollama_calls(script)]
    return [*events, {**_ollama_line(model, said), **_ollama_end(script), "_end": True}]


def _ollama_whole(script: Script, model: str) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": "".join(script.pieces)}
    if script.reasoning:
        message["thinking"] = "".join(script.reasoning)
    if script.tool_calls:
        message["tool_calls"] = _ollama_calls(script)
    return {**_ollama_line(model, message), **_ollama_end(script)}


_OVERLOADED = "The server is overloaded"
CHAT = Wire(_chat_events, _chat_whole, json.loads(ERROR_EVENT))
ANTHROPIC = Wire(
    _anthropic_events,
    _anthropic_whole,
    {"type": "error", "error": {"type": "overloaded_error", "message": _OVERLOADED}},
    typed=True,
)
RESPONSES = Wire(
    _responses_events,
    _responses_whole,
    {"type": "response.failed", "response": {"error": {"code": "server_error", "message": _OVERLOADED}}},
    typed=True,
)
GOOGLE = Wire(
    _google_events, _google_whole, {"error": {"code": 503, "message": _OVERLOADED, "status": "UNAVAILABLE"}}
)
OLLAMA = Wire(_ollama_events, _ollama_whole, {"error": _OVERLOADED}, lines=True)
