"""One module for each program measured. Each runs in a process of its own and prints one JSON object a line."""
