"""A suite of asv's with results of a few commits, written by asv's own classes."""

import json
import math
from datetime import UTC, datetime, timedelta

from asv.benchmarks import Benchmarks
from asv.config import Config
from asv.machine import Machine
from asv.results import Results
from asv.runner import BenchmarkResult

START = datetime(2026, 1, 1, 12, tzinfo=UTC)
SKIPPED, FAILED = math.nan, None


def commit(number):
    """The hash of that commit; hashes are in another order than dates."""
    return f"{(number * 7919 + 13) % 9973:04x}".ljust(40, "a")


def date(number):
    return START + timedelta(days=number)


def benchmark(name="suite.time_forward", *, unit="seconds", version="1", **parameters):
    """What asv finds of a benchmark; parameters are its own, with the list of their values."""
    return {
        "name": name,
        "pretty_name": None,
        "type": "time",
        "unit": unit,
        "version": version,
        "code": "",
        "param_names": list(parameters),
        "params": [[repr(value) for value in values] for values in parameters.values()],
    }


class Suite:
    """A folder with asv.conf.json and .asv/results."""

    def __init__(self, folder, *benchmarks, **settings):
        self.folder, self.results = folder, folder / ".asv" / "results"
        folder.mkdir(exist_ok=True)
        self.config = folder / "asv.conf.json"
        said = {"version": 1, "project": "tiny", "repo": ".", "results_dir": ".asv/results", **settings}
        self.config.write_text("// comments are allowed\n" + json.dumps(said))
        self.describe(*benchmarks)

    def describe(self, *benchmarks):
        """Write benchmarks.json."""
        self.benchmarks = {each["name"]: each for each in benchmarks}
        conf = Config.load(str(self.config))
        conf.results_dir = str(self.results)
        Benchmarks(conf, benchmarks).save()

    def add(self, number, values, *, machine="box", environment="env", spread=None, **traits):
        """Results of a commit: benchmark to value, or to values of all combinations of its parameters.

        `spread`: samples lie so far around each value, relative to it, from which asv derives statistics.
        """
        described = Machine()
        described.__dict__.update(machine=machine)
        described.save(str(self.results))
        stamp = int(date(number).timestamp() * 1000)
        results = Results({"machine": machine, **traits}, {}, commit(number), stamp, "3.11", environment, {})
        for name, given in values.items():
            each = given if isinstance(given, list) else [given]
            sampled = [
                spread and value and [value * (1 + spread * step) for step in (-2, -1, 0, 1, 2)] for value in each
            ]
            counts = [1 if samples else None for samples in sampled]
            result = BenchmarkResult(list(each), list(sampled), counts, 0, "", None)
            results.add_result(self.benchmarks[name], result, started_at=START)
        results.save(str(self.results))
        return self

    def series(self, values, name="suite.time_forward", **options):
        """One value of one benchmark at each of as many commits."""
        for number, value in enumerate(values):
            self.add(number, {name: value}, **options)
        return self

    def file(self, number, machine="box", environment="env"):
        """Where the results of a commit lie."""
        return self.results / machine / f"{commit(number)[:8]}-{environment}.json"
