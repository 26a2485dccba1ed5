"""Peak memory above what is in use before a call, by the kernel's own mark: asv's peakmem_ counts the whole process."""

from benchmarks.rows import OfEnrichment, OfSignificance, metric
from benchmarks.suite import tracked


class Enrichment(OfEnrichment):
    """Of scores alone, and of scores and their gradient."""

    @tracked("Peak memory of scores", "MiB above the start of the call")
    def track_forward_peak_mib(self, *_: object) -> float:
        return metric(self.row, "forward_peak_mib")

    @tracked("Peak memory of scores and their gradient", "MiB above the start of the call")
    def track_step_peak_mib(self, *_: object) -> float:
        return metric(self.row, "step_peak_mib")


class Significance(OfSignificance):
    """Of NES."""

    @tracked("Peak memory of a profile's NES", "MiB above the start of the call")
    def track_null_peak_mib(self, *_: object) -> float:
        return metric(self.row, "null_peak_mib")
