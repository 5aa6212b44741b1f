"""Contenders of the benchmarks, one module each: run in a separate process, prints one JSON object per line."""
