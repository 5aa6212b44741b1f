"""Property test of the label log."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.data.label_log import label_log_path
from engine.data.label_overrides import append_decision, read_decisions

decisions = st.lists(
    st.tuples(st.sampled_from(["a/1.jpg", "b/2.jpg", "ü/3.jpg"]), st.sampled_from(["exclude", "keep"])), max_size=6
)


@given(decisions, st.integers(0, 10**6))
@settings(max_examples=30)
def test_a_log_truncated_at_any_byte_contains_its_first_decisions(
    tmp_path_factory: Any, made: list[tuple[str, Any]], cut: int
) -> None:
    root = tmp_path_factory.mktemp("log")
    states = [read_decisions(root)]
    for path, action in made:
        append_decision(root, path, action)
        states.append(read_decisions(root))
    content = label_log_path(root).read_bytes() if made else b""
    label_log_path(root).write_bytes(content[: cut % (len(content) + 1)])
    assert read_decisions(root) in states
    append_decision(root, "c/4.jpg", "keep")
    assert "c/4.jpg" in read_decisions(root)
