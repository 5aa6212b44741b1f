"""Names that users give to classes and that have a meaning elsewhere: in this program, in tables, in file systems."""

AWKWARD_NAMES = (
    *("unknown", "unsure", "accepted", "review", "_review", "Review", "error", "label", "p(other)", "None", "null"),
    *("train", "true", "1", "NaN", "a; b", "a, b", 'say "a"', "a\nb", "=1+1", "+1", "-1", "@a", "'a", " a ", "a."),
    *(
        "CON",
        "nul",
        "aux.txt",
        "COM1",
        "x:y",
        "classifold-sort.jsonl",
        "ÄÖ",
        "蜜蜂" * 20,
        "bee (unsure)",
        "Unsure: bee",
    ),
)
