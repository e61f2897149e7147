"""Does the evaluation measure what it says? Severity and response, selectivity, nuisances, real clips, cost."""

from benchmarks.validity.proofs import PARTS, validity

__all__ = ["PARTS", "validity"]
