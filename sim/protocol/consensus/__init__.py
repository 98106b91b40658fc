"""Messages, and how validators agree on a block."""
