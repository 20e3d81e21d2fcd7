"""Asking a provider again until it answers or the deadline is over; and what its errors mean for whoever asked."""

from __future__ import annotations

import asyncio
import email.utils
import random
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from beth_kit.model.base import ContextOverflow, ModelRefused, ModelUnavailable
from beth_sdk.clock import Clock, SystemClock
from beth_sdk.retry import Backoff

T = TypeVar("T")

_OVERFLOW = re.compile(
    r"context_length_exceeded|context (?:length|window|size)|maximum (?:context|prompt) length|prompt is too long"
    r"|input is too long|too many (?:input )?tokens|exceeds? the (?:maximum|limit)[^.]{0,40} tokens"
    r"|token count[^.]{0,40} exceeds",
    re.IGNORECASE,
)
_NO_CREDIT = re.compile(r"insufficient_quota|credit balance is too low|exceeded your current quota", re.IGNORECASE)


_UNREADABLE = "converting to valid response block"
"""What litellm, here or in a gateway, says of an answer of Gemini's that it cannot read; it blames the request for it
(HTTP 422)."""

PATIENCE = 300.0
"""Seconds that one attempt may take, unless LLM_TIMEOUT says otherwise: longer than a hosted model thinks."""


class Passing(Exception):
    """One attempt failed with something that may pass. `after`: seconds the provider asked to be left alone."""

    def __init__(self, reason: str, after: float | None = None) -> None:
        self.after = after
        super().__init__(reason)


@dataclass(frozen=True, slots=True)
class Persistence:
    """How long and how often to ask. `patience`: seconds that one attempt may take, so that a provider which accepts
    a request and then says nothing is asked again while there is time. Attempts themselves run on real time."""

    clock: Clock = field(default_factory=SystemClock)
    random: Callable[[], float] = random.random
    backoff: Backoff = Backoff(base=1.0, cap=60.0)
    patience: float = PATIENCE

    async def insist(
        self, attempt: Callable[[float], Awaitable[T]], *, who: str, deadline: float, tries: int | None = None
    ) -> T:
        """Call `attempt` (with the seconds it has) until it returns; again after a `Passing`, with backoff or as late
        as the provider asks. Raises `ModelUnavailable` after `deadline` seconds or so many `tries`."""
        end = self.clock.monotonic() + deadline
        failed = 0
        while True:
            seconds = max(0.0, min(self.patience, end - self.clock.monotonic()))
            try:
                async with asyncio.timeout(seconds):
                    return await attempt(seconds)
            except TimeoutError:
                last = Passing(f"no answer within {seconds:.3g} s")
            except Passing as error:
                last = error
            failed += 1
            delay = max(self.backoff.delay(failed, self.random), last.after or 0.0)
            if failed == tries or self.clock.monotonic() + delay >= end:
                times = "once" if failed == 1 else f"{failed} times"
                raise ModelUnavailable(f"{who} was asked {times} without success; at last: {last}", after=last.after)
            await self.clock.sleep(delay)


def retry_after(headers: Mapping[str, str], wall: float) -> float | None:
    """Seconds to wait by the header `Retry-After` (RFC 9110, 10.2.3: seconds or a date) or `retry-after-ms`."""
    named = {name.lower(): value.strip() for name, value in headers.items()}
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        text = named.get(name, "")
        if re.fullmatch(r"[0-9]{1,9}(?:\.[0-9]{1,9})?", text):
            return float(text) * unit
    if not named.get("retry-after"):
        return None
    try:
        return max(0.0, email.utils.parsedate_to_datetime(named["retry-after"]).timestamp() - wall)
    except ValueError:
        return None


def meaning_of(
    status: int, text: str, *, who: str, key_variable: str, after: float | None = None
) -> Passing | ContextOverflow | ModelRefused:
    """What an HTTP error of a provider means; `text` is what it says, without secrets."""
    said = " ".join(text.split())[:300] or "no reason given"
    if status in {401, 403}:
        return ModelRefused(f"{who} refuses the key (HTTP {status}): set {key_variable}. It says: {said}")
    if status == 404:
        return ModelRefused(f"{who} is not known there (HTTP 404): set LLM_MODEL or LLM_BASE_URL. It says: {said}")
    if status == 402 or (status in {400, 429} and _NO_CREDIT.search(text)):
        return ModelRefused(f"{who}: the account behind {key_variable} has no credit left. It says: {said}")
    if status == 413 or (status in {400, 422} and _OVERFLOW.search(text)):
        return ContextOverflow(f"{who}: the messages are longer than the model can take. It says: {said}")
    if status in {408, 409, 425, 429} or status >= 500 or _UNREADABLE in text:
        return Passing(f"HTTP {status}: {said}", after)
    if 300 <= status < 400:
        return ModelRefused(f"{who} redirects elsewhere (HTTP {status}): set LLM_BASE_URL to the address it means")
    return ModelRefused(f"{who} refuses the request (HTTP {status}): {said}")
