"""What the server counts, for Prometheus.

Invariant: labels have few values (known paths, statuses), whatever clients send.
"""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily

from trajectune.engine.speculation.length import BlockLength
from trajectune.serve.scheduler import Reply, Scheduler

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Metrics:
    """The numbers of one app."""

    def __init__(self, scheduler: Scheduler, lengths: BlockLength) -> None:
        registry = self._registry = CollectorRegistry()
        self.requests = Counter(
            "trajectune_requests", "Requests by path and status.", ("path", "status"), registry=registry
        )
        self._tokens = Counter(
            "trajectune_tokens",
            "Tokens of finished replies: read (prompt), of those found in the cache (cached), generated.",
            ("kind",),
            registry=registry,
        )
        for kind in ("prompt", "cached", "generated"):
            self._tokens.labels(kind)
        self._first = Histogram(
            "trajectune_first_token_seconds",
            "From a request to its first token, waiting included.",
            buckets=_SECONDS,
            registry=registry,
        )
        self._between = Histogram(
            "trajectune_token_seconds",
            "From one token to the next, on average over a reply.",
            buckets=_SECONDS,
            registry=registry,
        )
        running = Gauge("trajectune_running", "Replies being generated.", registry=registry)
        running.set_function(lambda: scheduler.running)
        waiting = Gauge("trajectune_waiting", "Replies that wait for a place.", registry=registry)
        waiting.set_function(lambda: scheduler.waiting)
        registry.register(_Drafts(lengths))

    def finished(self, reply: Reply) -> None:
        """A reply is finished."""
        generation = reply.generation
        self._tokens.labels("prompt").inc(generation.prompt_tokens)
        self._tokens.labels("cached").inc(generation.cached_tokens)
        self._tokens.labels("generated").inc(len(generation.tokens))
        self._first.observe(reply.first_seconds)
        if len(generation.tokens) > 1:
            self._between.observe(reply.token_seconds)

    def text(self) -> bytes:
        """In the form that Prometheus reads."""
        return generate_latest(self._registry)


class _Drafts:
    """Speculative decoding; the share of accepted drafts is `rate(accepted) / rate(drafted)`."""

    def __init__(self, lengths: BlockLength) -> None:
        self._lengths = lengths

    def collect(self) -> Iterator[CounterMetricFamily]:
        for kind, total in (("drafted", self._lengths.drafted), ("accepted", self._lengths.accepted)):
            yield CounterMetricFamily(
                f"trajectune_speculation_{kind}_tokens",
                f"Tokens {kind} in speculative decoding.",
                value=total,
            )
