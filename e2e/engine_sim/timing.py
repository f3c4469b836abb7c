"""How long one forward pass takes."""

from dataclasses import dataclass


@dataclass
class Timing:
    """seconds = slow_factor / speed * (decode_s * (1 + batch_slope * (sequences - 1)) + prefill_tokens / prefill_rate).

    Args:
        prefill_rate: prompt tokens per second.
        decode_s: seconds of a pass over one sequence, which is the time per output token of a lone request.
        batch_slope: what each further sequence of the batch adds, as a share of `decode_s`.
        speed: divides everything; tests run slow models fast with it.
        slow_factor: multiplies everything; a fault that can change at run time.
    """

    prefill_rate: float = 20_000.0
    decode_s: float = 0.005
    batch_slope: float = 0.02
    speed: float = 1.0
    slow_factor: float = 1.0

    def step(self, sequences: int, prefill_tokens: int) -> float:
        """Seconds of a pass over `sequences` sequences that computes `prefill_tokens` prompt tokens."""
        decode = self.decode_s * (1 + self.batch_slope * (sequences - 1))
        return self.slow_factor / self.speed * (decode + prefill_tokens / self.prefill_rate)
