"""Names of the subcommands, readable without importing the command line."""

SUBCOMMANDS = frozenset(
    (
        *("backbones", "compare", "demo", "evaluate", "explain", "export", "learning-curve", "predict", "relabel"),
        *("report", "resume", "review", "robustness", "runs", "sample", "scan", "serve", "sort", "test", "train"),
    )
)
"""A first argument with one of these names is always a subcommand, even if a folder has the same name."""
