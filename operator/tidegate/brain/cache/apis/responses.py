"""OpenAI's Responses. A stream says all of its answer once more at its end; what came before is read where that leaves it out.

of a stream                            then
------------------------------------   ---------------------------------------------------------
response.output_item.added, .done      an item, if the end does not repeat them: each once, all done
response.completed, .incomplete,       the answer
  .failed
error, no such end, or one with fewer  broken
  or more items than were done
all others                             nothing: the end has what they say

`status`, `incomplete_details`         an answer is
------------------------------------   ---------------------------------------------------------
completed                              whole
incomplete, for its length             cut off
incomplete, for another reason; or a   filtered
  refusal in it
another, or none                       broken
any, and something in it that is no    broken
  message, thought or call of one of
  the client's tools

vLLM calls the end of a stream `response.completed` whatever its status is.

https://platform.openai.com/docs/api-reference/responses/object, https://platform.openai.com/docs/api-reference/responses-streaming
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from tidegate.brain.cache.apis.streams import Answer, NotWhole, pieces, written

ADDED: Final = "response.output_item.added"
DONE: Final = "response.output_item.done"
COMPLETED: Final = "response.completed"
ENDS: Final = frozenset({COMPLETED, "response.incomplete", "response.failed"})
LENGTHS: Final = frozenset({"max_output_tokens", "max_tokens"})
"""Why an answer is incomplete that was to be no longer."""
CALLS: Final = {
    "function_call": ("arguments", "function_call_arguments"),
    "custom_tool_call": ("input", "custom_tool_call_input"),
}
"""Of a call by its type: what it hands over, and what the events of that are called."""


def joined(events: Iterator[Answer]) -> Answer:
    """A stream put together. Raises NotWhole, or what Python raises of shapes that the API has not."""
    begun: list[int] = []
    done: list[tuple[int, Answer]] = []
    for event in events:
        if event["type"] in ENDS:
            return _ended(event["type"], event["response"], begun, done)
        if event["type"] == "error":
            break
        if event["type"] == ADDED:
            begun.append(event["output_index"])
        if event["type"] == DONE:
            done.append((event["output_index"], event["item"]))
    raise NotWhole("broken")


def _ended(end: str, answer: Answer, begun: list[int], done: list[tuple[int, Answer]]) -> Answer:
    """The answer of a stream's end, where it is one with what the stream said before."""
    output = answer.get("output") or _output(begun, done)
    fails = end != COMPLETED and answer.get("status") == "completed"
    if fails or (done and len(output) != len(done)):
        raise NotWhole("broken")
    return {**answer, "output": output}


def _output(begun: list[int], done: list[tuple[int, Answer]]) -> list[Answer]:
    """Of the items alone; of which none may be missing."""
    items = dict(done)
    if sorted(index for index, _ in done) != list(range(len(done))) or not items.keys() >= set(begun):
        raise NotWhole("broken")
    return [items[index] for index in range(len(items))]


def check(answer: Answer) -> None:
    """Whether it is whole. Raises NotWhole, or what Python raises of shapes that the API has not."""
    status, why = answer.get("status"), answer.get("incomplete_details")
    if status == "incomplete" or why:
        raise NotWhole("cut-off" if why and why.get("reason") in LENGTHS else "filtered")
    output = answer["output"]
    if status != "completed" or not output or not isinstance(output, list):
        raise NotWhole("broken")
    for item in output:
        if item.get("status") not in (None, "completed"):
            raise NotWhole("broken")
        _CHECKS[item["type"]](item)


def _check_message(item: Answer) -> None:
    for part in item["content"]:
        if part["type"] == "refusal":
            raise NotWhole("filtered")
        if part["type"] != "output_text" or not isinstance(part.get("annotations") or [], list):
            raise NotWhole("broken")
    _check_texts(item["content"])


def _check_thought(item: Answer) -> None:
    _check_texts(item.get("summary") or [])
    _check_texts(item.get("content") or [])


def _check_texts(parts: Any) -> None:
    if not isinstance(parts, list) or not all(isinstance(part["text"], str) for part in parts):
        raise NotWhole("broken")


def _check_call(item: Answer) -> None:
    if not isinstance(item[CALLS[item["type"]][0]], str):
        raise NotWhole("broken")


_CHECKS: Final[Mapping[str, Callable[[Answer], None]]] = {
    "message": _check_message,
    "reasoning": _check_thought,
    **dict.fromkeys(CALLS, _check_call),
}


def said(answer: Answer) -> Iterator[Answer]:
    """The events of a stream."""
    return ({**event, "sequence_number": number} for number, event in enumerate(_said(answer)))


def _said(answer: Answer) -> Iterator[Answer]:
    begun = {**answer, "status": "in_progress", "output": [], "usage": None}
    begun |= {"completed_at": None} if "completed_at" in answer else {}
    yield {"type": "response.created", "response": begun}
    yield {"type": "response.in_progress", "response": begun}
    for index, item in enumerate(answer["output"]):
        yield {"type": ADDED, "output_index": index, "item": _opened(item)}
        yield from _SAID[item["type"]](item, {"item_id": item.get("id"), "output_index": index})
        yield {"type": DONE, "output_index": index, "item": item}
    yield {"type": COMPLETED, "response": answer}


def _opened(item: Answer) -> Answer:
    """As it begins."""
    nothing: Answer = {"content": [], "summary": [], "arguments": "", "input": ""}
    begun = {name: value for name, value in nothing.items() if item.get(name)}
    return {**item, **begun, **({"status": "in_progress"} if item.get("status") else {})}


def _message(item: Answer, place: Answer) -> Iterator[Answer]:
    for number, part in enumerate(item["content"]):
        where = {**place, "content_index": number}
        yield {"type": "response.content_part.added", **where, "part": _begun(part)}
        yield from _text("output_text", part["text"], {**where, "logprobs": []}, besides=_annotations(part, where))
        yield {"type": "response.content_part.done", **where, "part": part}


def _annotations(part: Answer, where: Answer) -> Iterator[Answer]:
    for index, each in enumerate(part.get("annotations") or ()):
        added = {"annotation": each, "annotation_index": index}
        yield {"type": "response.output_text.annotation.added", **where, **added}


def _begun(part: Answer) -> Answer:
    return {**part, "text": "", "annotations": [], **({"logprobs": []} if "logprobs" in part else {})}


def _thought(item: Answer, place: Answer) -> Iterator[Answer]:
    yield from _parts("reasoning_summary_part", "reasoning_summary_text", "summary", item, place)
    yield from _parts("content_part", "reasoning_text", "content", item, place)


def _parts(part: str, text: str, name: str, item: Answer, place: Answer) -> Iterator[Answer]:
    for number, each in enumerate(item.get(name) or ()):
        where = {**place, f"{name}_index": number}
        yield {"type": f"response.{part}.added", **where, "part": {**each, "text": ""}}
        yield from _text(text, each["text"], where)
        yield {"type": f"response.{part}.done", **where, "part": each}


def _text(name: str, text: str, where: Answer, whole: str = "text", besides: Iterable[Answer] = ()) -> Iterator[Answer]:
    for piece in pieces(text):
        yield {"type": f"response.{name}.delta", **where, "delta": piece}
    yield from besides
    yield {"type": f"response.{name}.done", **where, whole: text}


def _call(item: Answer, place: Answer) -> Iterator[Answer]:
    whole, name = CALLS[item["type"]]
    return _text(name, item[whole], place, whole)


_SAID: Final[Mapping[str, Callable[[Answer, Answer], Iterator[Answer]]]] = {
    "message": _message,
    "reasoning": _thought,
    **dict.fromkeys(CALLS, _call),
}


def text(answer: Answer) -> str:
    """What it says; calls of tools are words, too."""
    said = [part["text"] for item in answer["output"] if item["type"] == "message" for part in item["content"]]
    calls = [
        written([item.get("name"), item[CALLS[item["type"]][0]]]) for item in answer["output"] if item["type"] in CALLS
    ]
    return "\n".join([*said, *calls])
