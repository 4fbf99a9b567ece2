"""The gateway's figures, for Prometheus."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from officina.job import Depth, State

HTTP_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
RUN_BUCKETS = (0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120, 300, 600, 1200)


class Metrics(Collector):
    """What this gateway counted since it started, and the depths it was last told."""

    def __init__(self) -> None:
        self._http: Counter[tuple[str, str, int]] = Counter()
        self._runs: Counter[tuple[str, str]] = Counter()
        self._depth: Mapping[str, Depth] = {}
        self._workers = 0
        self._registry = CollectorRegistry()
        self._http_s = Histogram(
            "officina_http_request_seconds",
            "Time to answer, long waits included.",
            ["route"],
            buckets=HTTP_BUCKETS,
            registry=self._registry,
        )
        self._run_s = Histogram(
            "officina_run_seconds",
            "Engine time of ended attempts.",
            ["model"],
            buckets=RUN_BUCKETS,
            registry=self._registry,
        )
        self._routes: dict[str, Histogram] = {}
        self._registry.register(self)
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)

    def answered(self, route: str, method: str, status: int, took_s: float) -> None:
        """Count an HTTP answer."""
        self._http[route, method, status] += 1
        timer = self._routes.get(route)
        if timer is None:
            timer = self._routes[route] = self._http_s.labels(route)
        timer.observe(took_s)

    def finished(self, model: str, state: State, run_s: float) -> None:
        """Count the end of an attempt; `queued` is one that will be tried again."""
        self._runs[model, "retried" if state == "queued" else state] += 1
        self._run_s.labels(model).observe(run_s)

    def text(self, depth: Mapping[str, Depth], workers: int) -> bytes:
        """Everything in the Prometheus text format."""
        self._depth, self._workers = depth, workers
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """The families that are not kept as Prometheus objects."""
        waiting = GaugeMetricFamily("officina_jobs_waiting", "Jobs that wait.", labels=["model"])
        running = GaugeMetricFamily("officina_jobs_running", "Jobs under lease.", labels=["model"])
        oldest = GaugeMetricFamily(
            "officina_oldest_waiting_seconds", "Age of the oldest waiting job.", labels=["model"]
        )
        for model, depth in self._depth.items():
            waiting.add_metric([model], depth.waiting)
            running.add_metric([model], depth.running)
            oldest.add_metric([model], depth.oldest_s)
        runs = CounterMetricFamily("officina_runs", "Ended attempts.", labels=["model", "outcome"])
        for (model, outcome), count in self._runs.items():
            runs.add_metric([model, outcome], count)
        http = CounterMetricFamily(
            "officina_http_requests", "HTTP answers.", labels=["route", "method", "status"]
        )
        for (route, method, status), count in self._http.items():
            http.add_metric([route, method, str(status)], count)
        workers = GaugeMetricFamily("officina_workers", "Workers heard of in the last minute.")
        workers.add_metric([], self._workers)
        yield from (waiting, running, oldest, runs, http, workers)
